#include "runtime/os/file.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "sched/proc.hpp"

namespace gofer::runtime {

namespace {

// Go's limit for one call.
constexpr std::size_t max_transfer = std::size_t{1} << 30;

/// A system call's value, and errno, taken before anything could park.
struct outcome {
  ssize_t n;
  int errnum;
};

// f() is a system call that may block. Repeated when a signal interrupts it.
template <class F>
outcome in_syscall(F f) {
  sched::entersyscall();
  outcome o{};
  do {
    o.n = f();
    o.errnum = o.n < 0 ? errno : 0;
  } while (o.errnum == EINTR);
  sched::exitsyscall();
  return o;
}

error errno_of(const outcome& o) { return gofer::detail::errno_error(o.errnum); }

os::file_info info_of(const struct stat& st, const std::string& path) {
  os::file_info info;
  info.name = path.substr(path.find_last_of('/') + 1);
  info.size = st.st_size;
  info.mode = st.st_mode;
  const auto since = std::chrono::seconds(st.st_mtim.tv_sec) + std::chrono::nanoseconds(st.st_mtim.tv_nsec);
  info.modified =
      std::chrono::system_clock::time_point(std::chrono::duration_cast<std::chrono::system_clock::duration>(since));
  return info;
}

}  // namespace

file_state::~file_state() {
  if (fd_ >= 0) destroy();
}

int file_state::destroy() {
  const int fd = std::exchange(fd_, -1);
  // Not again after EINTR: on Linux the descriptor is gone.
  return in_syscall([fd] { return ::close(fd) == 0 || errno == EINTR ? 0 : -1; }).errnum;
}

result<std::size_t> file_state::read(std::span<char> into) {
  outcome o{};
  const bool open = as_reader([&](int fd) {
    if (into.empty()) return;
    o = in_syscall([&] { return ::read(fd, into.data(), std::min(into.size(), max_transfer)); });
  });
  if (!open) return {0, failed("read", os::err_closed)};
  if (o.n < 0) return {0, failed("read", errno_of(o))};
  if (o.n == 0 && !into.empty()) return {0, io::eof};
  return {static_cast<std::size_t>(o.n), {}};
}

result<std::size_t> file_state::write(std::span<const char> from) {
  if (mu_.wlock(nullptr) != fd_entry::locked) return {0, failed("write", os::err_closed)};
  result<std::size_t> wrote;
  while (wrote.value < from.size() && !wrote.err) {
    const std::span<const char> left = from.subspan(wrote.value);
    const outcome o = in_syscall([&] { return ::write(fd_, left.data(), std::min(left.size(), max_transfer)); });
    if (o.n > 0) wrote.value += static_cast<std::size_t>(o.n);
    if (o.n < 0) wrote.err = failed("write", errno_of(o));
    if (o.n == 0) wrote.err = failed("write", io::err_unexpected_eof);
  }
  if (mu_.wunlock()) destroy();
  return wrote;
}

result<std::int64_t> file_state::seek(std::int64_t offset, os::whence from) {
  if (!mu_.incref()) return {0, failed("seek", os::err_closed)};
  const int how = from == os::whence::start ? SEEK_SET : from == os::whence::current ? SEEK_CUR : SEEK_END;
  const outcome o = in_syscall([&] { return ::lseek(fd_, offset, how); });
  if (mu_.decref()) destroy();
  if (o.n < 0) return {0, failed("seek", errno_of(o))};
  return {o.n, {}};
}

result<os::file_info> file_state::stat() {
  if (!mu_.incref()) return {{}, failed("stat", os::err_closed)};
  struct stat st {};
  const outcome o = in_syscall([&] { return ::fstat(fd_, &st); });
  if (mu_.decref()) destroy();
  if (o.n < 0) return {{}, failed("stat", errno_of(o))};
  return {info_of(st, name_), {}};
}

error file_state::close() {
  if (!mu_.incref_and_close()) return failed("close", os::err_closed);
  const int errnum = mu_.decref() ? destroy() : 0;
  return errnum == 0 ? error() : failed("close", gofer::detail::errno_error(errnum));
}

}  // namespace gofer::runtime

namespace gofer::os {

using runtime::in_syscall;

bool file_info::is_dir() const { return S_ISDIR(mode); }
bool file_info::is_regular() const { return S_ISREG(mode); }

namespace {

error empty_handle(const char* op) { return path_error{op, "", err_closed}; }

}  // namespace

result<std::size_t> file::read(std::span<char> into) const {
  return state_ != nullptr ? state_->read(into) : result<std::size_t>{0, empty_handle("read")};
}

result<std::size_t> file::write(std::span<const char> from) const {
  return state_ != nullptr ? state_->write(from) : result<std::size_t>{0, empty_handle("write")};
}

result<std::int64_t> file::seek(std::int64_t offset, whence from) const {
  return state_ != nullptr ? state_->seek(offset, from) : result<std::int64_t>{0, empty_handle("seek")};
}

result<file_info> file::stat() const {
  return state_ != nullptr ? state_->stat() : result<file_info>{{}, empty_handle("stat")};
}

error file::close() const { return state_ != nullptr ? state_->close() : empty_handle("close"); }

const std::string& file::name() const {
  static const std::string none;
  return state_ != nullptr ? state_->name() : none;
}

result<file> open(std::string_view path) { return open_file(path, O_RDONLY); }

result<file> create(std::string_view path) { return open_file(path, O_RDWR | O_CREAT | O_TRUNC, 0666); }

result<file> open_file(std::string_view path, int flags, mode_t mode) {
  std::string name(path);
  // What follows a zero would be cut off: another file than was meant.
  if (name.find('\0') != std::string::npos) return {{}, path_error{"open", name, gofer::detail::errno_error(EINVAL)}};
  const auto o = in_syscall([&] { return ::open(name.c_str(), flags | O_CLOEXEC, mode); });
  if (o.n < 0) return {{}, path_error{"open", name, runtime::errno_of(o)}};
  file f;
  f.state_ = std::make_shared<runtime::file_state>(static_cast<int>(o.n), std::move(name));
  return {std::move(f), {}};
}

result<file_info> stat(std::string_view path) {
  const std::string name(path);
  struct stat st {};
  const auto o = in_syscall([&] { return ::stat(name.c_str(), &st); });
  if (o.n < 0) return {{}, path_error{"stat", name, runtime::errno_of(o)}};
  return {runtime::info_of(st, name), {}};
}

}  // namespace gofer::os
