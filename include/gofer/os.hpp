// Files.
//
// A disk cannot be polled: reading a file blocks the thread. So every operation here is a blocking call, as in
// gofer::blocking: it holds up its goroutine, and the others go on on another thread. There is no form that takes a
// context, since nothing could end such a call.
//
//   auto file = gofer::must(gofer::os::open("index.html"));
//   gofer::io::copy(conn, file);  // by sendfile(2)
#pragma once

#include <fcntl.h>
#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <gofer/error.hpp>
#include <gofer/io.hpp>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace gofer::runtime {
class file_state;
}

namespace gofer::net {
class conn;
}

namespace gofer::os {

inline constinit gofer::detail::sentinel_error err_closed_node{"file already closed"};
/// The file was closed before the call.
inline constinit const error err_closed{err_closed_node};

/// What failed with which file; every error of this package that is not io::eof is one. is() sees through it:
/// is(err, std::errc::no_such_file_or_directory).
struct path_error {
  std::string op;  // "open", "read", "write", "seek", "stat", "close"
  std::string path;
  error err;

  /// "open x: no such file or directory"
  std::string what() const { return op + " " + path + ": " + err.what(); }
  error unwrap() const { return err; }
};

/// What stat says of a file.
struct file_info {
  std::string name;  // the last element of the path
  std::int64_t size = 0;
  mode_t mode = 0;  // as in <sys/stat.h>, type included
  std::chrono::system_clock::time_point modified{};

  bool is_dir() const;
  bool is_regular() const;
};

enum class whence : std::uint8_t { start, current, end };

/// An open file: a cheap handle that copies share; a reader and a writer for everything in io. Closed by close(), or
/// when the last handle goes. All functions may be called from any goroutine and thread; several readers, or several
/// writers, take turns. On an empty handle everything fails with err_closed.
class file {
 public:
  file() = default;

  /// Blocks while the system reads. 0 and io::eof at the end.
  result<std::size_t> read(std::span<char> into) const;
  /// Writes all of it. With an error, value says how much was written before.
  result<std::size_t> write(std::span<const char> from) const;
  template <std::size_t N>
  result<std::size_t> write(const char (&text)[N]) const {
    return write(io::detail::literal(text));
  }
  template <std::size_t N>
  result<std::size_t> write(char (&from)[N]) const {
    return write(std::span<const char>(from));
  }
  /// Where the next read or write begins; the new position from the start.
  result<std::int64_t> seek(std::int64_t offset, whence from) const;
  result<file_info> stat() const;
  /// Later calls fail with err_closed; one that is inside at the moment ends as it would. Closing again is err_closed.
  error close() const;

  /// What it was opened as.
  const std::string& name() const;

  explicit operator bool() const { return state_ != nullptr; }
  friend bool operator==(const file&, const file&) = default;

 private:
  friend result<file> open_file(std::string_view path, int flags, mode_t mode);
  friend class net::conn;
  std::shared_ptr<runtime::file_state> state_;
};

/// Opens for reading. Blocks while the system looks for it.
result<file> open(std::string_view path);
/// Creates or empties the file and opens it for reading and writing; a new one has mode 0666, less the umask.
result<file> create(std::string_view path);
/// open(2) with these flags (O_RDONLY, O_APPEND, O_CREAT, …); close-on-exec in any case.
result<file> open_file(std::string_view path, int flags, mode_t mode = 0);
/// What stat(2) says of the file of this name.
result<file_info> stat(std::string_view path);

}  // namespace gofer::os
