// An open file: a descriptor that several may use, and that close does not pull away from under them (fdmutex).
#pragma once

#include <gofer/os.hpp>
#include <string>

#include "runtime/net/fdmutex.hpp"

namespace gofer::runtime {

class file_state {
 public:
  file_state(int fd, std::string name) : fd_(fd), name_(std::move(name)) {}
  file_state(const file_state&) = delete;
  file_state& operator=(const file_state&) = delete;
  ~file_state();

  result<std::size_t> read(std::span<char> into);
  result<std::size_t> write(std::span<const char> from);
  result<std::int64_t> seek(std::int64_t offset, os::whence from);
  result<os::file_info> stat();
  error close();
  const std::string& name() const { return name_; }

  /// Calls f(descriptor) as the only reader; false: it is closed.
  template <class F>
  bool as_reader(F f) {
    if (mu_.rlock(nullptr) != fd_entry::locked) return false;
    f(fd_);
    if (mu_.runlock()) destroy();
    return true;
  }

  error failed(const char* op, error err) const { return os::path_error{op, name_, std::move(err)}; }

 private:
  int destroy();

  fdmutex mu_;
  int fd_;
  std::string name_;
};

}  // namespace gofer::runtime
