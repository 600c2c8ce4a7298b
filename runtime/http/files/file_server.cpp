// Static files.
//
// The problem is what a path may name: "..", "%2e%2e", a symbolic link to elsewhere. Rejected: looking at the resolved
// path and opening it then (it may have become another one). The rule: segments that climb are refused, and the kernel
// opens the file beneath the folder's descriptor or not at all (openat2, RESOLVE_BENEATH). Where it cannot (before
// Linux 5.6, or forbidden), every segment is opened by itself and no symbolic link is followed.
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <gofer/runtime.hpp>
#include <memory>
#include <random>
#include <utility>

#include "runtime/http/date.hpp"
#include "runtime/http/files/range.hpp"
#include "runtime/http/url.hpp"

namespace gofer::http {

using namespace detail;

namespace {

class descriptor {
 public:
  descriptor() = default;
  explicit descriptor(int fd) : fd_(fd) {}
  descriptor(descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  descriptor& operator=(descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

// Not blocking: the open of a pipe would wait for a writer. What is no file is not served anyway.
constexpr int open_flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;

descriptor open_segment_by_segment(int folder, std::string_view path) {
  descriptor at(::fcntl(folder, F_DUPFD_CLOEXEC, 0));
  while (at && !path.empty()) {
    const std::string segment(path.substr(0, path.find('/')));
    path.remove_prefix(std::min(path.size(), segment.size() + 1));
    if (segment.empty() || segment == ".") continue;
    at = descriptor(::openat(at.get(), segment.c_str(), open_flags | O_NOFOLLOW));
  }
  return at;
}

descriptor open_beneath(int folder, const std::string& path) {
  const std::string name = path.empty() ? "." : path;
  open_how how{};
  how.flags = open_flags;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  const long fd = ::syscall(SYS_openat2, folder, name.c_str(), &how, sizeof how);
  if (fd >= 0) return descriptor(static_cast<int>(fd));
  if (errno == ENOSYS || errno == EPERM) return open_segment_by_segment(folder, path);
  return {};
}

std::string_view content_type(std::string_view name) {
  static constexpr std::pair<std::string_view, std::string_view> known[] = {
      {"avif", "image/avif"},
      {"bin", "application/octet-stream"},
      {"css", "text/css; charset=utf-8"},
      {"csv", "text/csv; charset=utf-8"},
      {"gif", "image/gif"},
      {"gz", "application/gzip"},
      {"htm", "text/html; charset=utf-8"},
      {"html", "text/html; charset=utf-8"},
      {"ico", "image/vnd.microsoft.icon"},
      {"jpeg", "image/jpeg"},
      {"jpg", "image/jpeg"},
      {"js", "text/javascript; charset=utf-8"},
      {"json", "application/json"},
      {"md", "text/markdown; charset=utf-8"},
      {"mjs", "text/javascript; charset=utf-8"},
      {"mp3", "audio/mpeg"},
      {"mp4", "video/mp4"},
      {"ogg", "audio/ogg"},
      {"pdf", "application/pdf"},
      {"png", "image/png"},
      {"svg", "image/svg+xml"},
      {"tar", "application/x-tar"},
      {"txt", "text/plain; charset=utf-8"},
      {"wasm", "application/wasm"},
      {"webm", "video/webm"},
      {"webp", "image/webp"},
      {"woff", "font/woff"},
      {"woff2", "font/woff2"},
      {"xml", "text/xml; charset=utf-8"},
      {"zip", "application/zip"},
  };
  const std::size_t dot = name.rfind('.');
  if (dot == std::string_view::npos) return "application/octet-stream";
  const std::string_view extension = name.substr(dot + 1);
  const auto* found =
      std::find_if(std::begin(known), std::end(known), [&](const auto& k) { return iequals(k.first, extension); });
  return found != std::end(known) ? found->second : "application/octet-stream";
}

/// Copies a part of the file into the answer. False when the file turned out shorter, or the client is gone.
bool send_part(response& res, int fd, byte_range part) {
  constexpr std::size_t piece = 64 * 1024;
  const auto buffer = std::make_unique_for_overwrite<char[]>(piece);
  while (part.length > 0) {
    const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(piece, part.length));
    const ssize_t n = blocking([&] { return ::pread(fd, buffer.get(), wanted, static_cast<off_t>(part.start)); });
    if (n <= 0) return false;
    if (res.write(std::string_view(buffer.get(), static_cast<std::size_t>(n))).err) return false;
    part.start += static_cast<std::uint64_t>(n);
    part.length -= static_cast<std::uint64_t>(n);
  }
  return true;
}

std::string content_range(byte_range part, std::uint64_t size) {
  return "bytes " + std::to_string(part.start) + "-" + std::to_string(part.start + part.length - 1) + "/" +
         std::to_string(size);
}

/// Several ranges as multipart/byteranges, with its length known beforehand.
void send_parts(response& res, int fd, std::string_view type, const std::vector<byte_range>& parts,
                std::uint64_t size) {
  std::random_device random;
  std::string boundary = "gofer";
  for (int i = 0; i < 4; i++) boundary += std::to_string(random());
  std::vector<std::string> heads;
  std::uint64_t length = 0;
  for (const byte_range& part : parts) {
    heads.push_back((heads.empty() ? "--" : "\r\n--") + boundary + "\r\nContent-Range: " + content_range(part, size) +
                    "\r\nContent-Type: " + std::string(type) + "\r\n\r\n");
    length += heads.back().size() + part.length;
  }
  const std::string end = "\r\n--" + boundary + "--\r\n";
  res.set("Content-Type", "multipart/byteranges; boundary=" + boundary);
  res.set("Content-Length", std::to_string(length + end.size()));
  for (std::size_t i = 0; i < parts.size(); i++) {
    if (res.write(heads[i]).err || !send_part(res, fd, parts[i])) return;
  }
  res.write(end);
}

void send_file(response& res, request& req, const descriptor& file, const struct stat& about, std::string_view name) {
  const auto size = static_cast<std::uint64_t>(about.st_size);
  const std::time_t modified = about.st_mtim.tv_sec;
  char tag[64];
  std::snprintf(tag, sizeof tag, "\"%llx-%lx-%llx\"", static_cast<unsigned long long>(modified), about.st_mtim.tv_nsec,
                static_cast<unsigned long long>(size));
  const std::array<char, 29> date = format_date(modified);
  res.set("Last-Modified", std::string_view(date.data(), date.size()));
  res.set("ETag", tag);
  res.set("Accept-Ranges", "bytes");
  const int status = check_conditions(req, tag, modified);
  if (status != 200) {
    res.status(status);
    return;
  }
  const std::string_view type = content_type(name);
  std::vector<byte_range> parts;
  if (ranges_still_hold(req, tag, modified)) {
    auto asked = parse_ranges(req.header("Range"), size);
    if (!asked) {
      res.fail(416, "invalid range\n");
      res.set("Content-Range", "bytes */" + std::to_string(size));
      return;
    }
    parts = std::move(*asked);
  }
  // Who asks for more than everything is attacking, or confused. Go's rule.
  std::uint64_t total = 0;
  for (const byte_range& part : parts) total += part.length;
  if (total > size) parts.clear();
  if (parts.size() > 1) {
    res.status(206);
    return send_parts(res, file.get(), type, parts, size);
  }
  byte_range whole{0, size};
  if (parts.size() == 1) {
    whole = parts[0];
    res.status(206).set("Content-Range", content_range(whole, size));
  }
  res.set("Content-Type", type).set("Content-Length", std::to_string(whole.length));
  if (req.method() == "HEAD") return;
  send_part(res, file.get(), whole);
}

bool is_reading(response& res, const request& req) {
  if (req.method() == "GET" || req.method() == "HEAD") return true;
  res.fail(405, "Method Not Allowed\n");
  res.set("Allow", "GET, HEAD");
  return false;
}

/// Whether a path climbs or hides something behind a zero.
bool is_wrong(std::string_view path) {
  if (path.find('\0') != std::string_view::npos) return true;
  while (!path.empty()) {
    const std::string_view segment = path.substr(0, path.find('/'));
    if (segment == "..") return true;
    path.remove_prefix(std::min(path.size(), segment.size() + 1));
  }
  return false;
}

void serve_below(const std::string& root, response& res, request& req) {
  if (!is_reading(res, req)) return;
  if (is_wrong(req.path())) return res.fail(400, "invalid URL path\n");
  std::string path(req.path());
  path.erase(0, std::min(path.find_first_not_of('/'), path.size()));
  constexpr std::string_view index = "index.html";
  if (path == index || path.ends_with("/index.html")) {
    res.status(301).set("Location", "./");
    return;
  }
  struct stat about {};
  std::string name = path;
  descriptor file = blocking([&] {
    const descriptor folder(::open(root.c_str(), O_RDONLY | O_CLOEXEC | O_DIRECTORY));
    if (!folder) return descriptor();
    descriptor found = open_beneath(folder.get(), path);
    if (!found || ::fstat(found.get(), &about) != 0) return descriptor();
    if (S_ISDIR(about.st_mode) && (path.empty() || path.ends_with('/'))) {
      name = index;
      found = open_beneath(found.get(), name);
      if (!found || ::fstat(found.get(), &about) != 0) return descriptor();
    }
    return found;
  });
  if (!file) return res.fail(404, "404 page not found\n");
  const bool file_asked_as_folder = S_ISREG(about.st_mode) && path.ends_with('/') && name == path;
  if (S_ISDIR(about.st_mode) || file_asked_as_folder) {
    // To where its relative links mean what they should. Not to "//elsewhere".
    std::string_view last = std::string_view(path).substr(0, path.find_last_not_of('/') + 1);
    last.remove_prefix(last.rfind('/') + 1);
    if (last.empty() || last == index) return res.fail(404, "404 page not found\n");
    res.status(301).set(
        "Location", (file_asked_as_folder ? "../" : "./") + escape_segment(last) + (file_asked_as_folder ? "" : "/"));
    return;
  }
  if (!S_ISREG(about.st_mode)) return res.fail(404, "404 page not found\n");
  send_file(res, req, file, about, name);
}

}  // namespace

handler file_server(std::string folder) {
  return [folder = std::move(folder)](response& res, request& req) { serve_below(folder, res, req); };
}

void serve_file(response& res, request& req, const std::string& name) {
  if (!is_reading(res, req)) return;
  struct stat about {};
  const descriptor file = blocking([&] {
    descriptor found(::open(name.c_str(), open_flags));
    return found && ::fstat(found.get(), &about) == 0 && S_ISREG(about.st_mode) ? std::move(found) : descriptor();
  });
  if (!file) return res.fail(404, "404 page not found\n");
  send_file(res, req, file, about, name);
}

}  // namespace gofer::http
