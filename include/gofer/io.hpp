// Streams of bytes: what net::conn, pipes and buffered readers have in common, and what is done with them.
//
// A reader is anything with `result<size_t> read(std::span<char>)`, a writer anything with `result<size_t>
// write(std::span<const char>)`: no base class, so that any type can be one. The contract is Go's: read blocks until
// there is at least one byte and may give fewer than asked for; at the end it gives 0 and io::eof. write writes
// everything or says why not.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <gofer/error.hpp>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace gofer {

class context;

}  // namespace gofer

namespace gofer::os {

inline constinit detail::sentinel_error err_deadline_exceeded_node{"i/o timeout"};
/// A deadline was reached before the operation could finish.
inline constinit const error err_deadline_exceeded{err_deadline_exceeded_node};

}  // namespace gofer::os

namespace gofer::io {

inline constinit gofer::detail::sentinel_error eof_node{"EOF"};
inline constinit gofer::detail::sentinel_error err_unexpected_eof_node{"unexpected EOF"};
inline constinit gofer::detail::sentinel_error err_closed_pipe_node{"io: read/write on closed pipe"};
inline constinit gofer::detail::sentinel_error err_short_write_node{"short write"};
inline constinit gofer::detail::sentinel_error err_line_too_long_node{"line too long"};

/// The end of the stream, reached in good order. Returned as it is, never wrapped by read.
inline constinit const error eof{eof_node};
/// The stream ended in the middle of what was being read.
inline constinit const error err_unexpected_eof{err_unexpected_eof_node};
/// An operation on a pipe end that was closed on this side, or a write when the reader is gone.
inline constinit const error err_closed_pipe{err_closed_pipe_node};
/// A writer took less than it was given without an error.
inline constinit const error err_short_write{err_short_write_node};
/// read_line met a line longer than it was willing to keep.
inline constinit const error err_line_too_long{err_line_too_long_node};

template <class R>
concept reader = requires(R& r, std::span<char> into) {
  { r.read(into) } -> std::same_as<result<std::size_t>>;
};

template <class W>
concept writer = requires(W& w, std::span<const char> from) {
  { w.write(from) } -> std::same_as<result<std::size_t>>;
};

/// A reader that has a form of read which a context ends: net::conn, pipe_reader.
template <class R>
concept context_reader = requires(R& r, const context& ctx, std::span<char> into) {
  { r.read(ctx, into) } -> std::same_as<result<std::size_t>>;
};

template <class W>
concept context_writer = requires(W& w, const context& ctx, std::span<const char> from) {
  { w.write(ctx, from) } -> std::same_as<result<std::size_t>>;
};

namespace detail {

struct pipe_state;

/// A string literal without its terminating zero, which nobody means to send.
template <std::size_t N>
constexpr std::span<const char> literal(const char (&text)[N]) {
  return {text, N > 0 && text[N - 1] == '\0' ? N - 1 : N};
}

/// A line as read_line gives it.
inline result<std::string> finish_line(std::string line, std::size_t max) {
  if (!line.empty() && line.back() == '\r') line.pop_back();
  if (line.size() > max) return {{}, err_line_too_long};
  return {std::move(line), {}};
}

}  // namespace detail

namespace detail {

/// copy through a buffer.
template <writer W, reader R>
result<std::uint64_t> copy_buffered(W&& dst, R&& src) {
  constexpr std::size_t chunk = 32 * 1024;  // Go's; on the heap, since a goroutine's stack may be half of that
  const auto buffer = std::make_unique_for_overwrite<char[]>(chunk);
  result<std::uint64_t> total;
  for (;;) {
    const result<std::size_t> got = src.read(std::span<char>(buffer.get(), chunk));
    if (got.value > 0) {
      const result<std::size_t> put = dst.write(std::span<const char>(buffer.get(), got.value));
      total.value += put.value;
      if (put.err || put.value != got.value) {
        total.err = put.err ? put.err : err_short_write;
        return total;
      }
    }
    if (got.err) {
      if (got.err != eof) total.err = got.err;
      return total;
    }
  }
}

}  // namespace detail

/// Copies until src ends; returns how many bytes were written, and null for an end in good order. Blocks as src and dst
/// do. The handles (net::conn, pipe ends) may be given as temporaries. A dst that has `copy_from(src)` (net::conn has,
/// for connections and files) is left to do it in its own way: in the kernel.
template <writer W, reader R>
result<std::uint64_t> copy(W&& dst, R&& src) {
  if constexpr (requires { dst.copy_from(src); }) {
    return dst.copy_from(src);
  } else {
    return detail::copy_buffered(dst, src);
  }
}

/// A stream as one that `ctx` ends: a reader if the stream has a read that takes a context, a writer if it has such a
/// write. For what takes readers and writers: `io::read_full(io::until_done(ctx, conn), header)`. Refers to the
/// context, and to the stream unless that is a temporary.
template <class S>
class until_done {
 public:
  until_done(const context& ctx, S stream) : ctx_(ctx), stream_(std::forward<S>(stream)) {}

  result<std::size_t> read(std::span<char> into) requires context_reader<std::remove_reference_t<S>> {
    return stream_.read(ctx_, into);
  }
  result<std::size_t> write(std::span<const char> from) requires context_writer<std::remove_reference_t<S>> {
    return stream_.write(ctx_, from);
  }

 private:
  const context& ctx_;
  S stream_;
};

template <class S>
until_done(const context&, S&) -> until_done<S&>;
template <class S>
until_done(const context&, S&&) -> until_done<S>;

namespace detail {

/// copy_buffered until ctx is done, as far as the two can tell.
template <writer W, reader R>
result<std::uint64_t> copy_buffered_until(const context& ctx, W& dst, R& src) {
  const auto bound = [&ctx]<class S>(S& stream) -> decltype(auto) {
    if constexpr (context_reader<S> || context_writer<S>) {
      return until_done<S&>(ctx, stream);
    } else {
      return (stream);
    }
  };
  return copy_buffered(bound(dst), bound(src));
}

}  // namespace detail

/// copy until ctx is done: then its error, with how much was written. Of what was read at that moment some may not have
/// been written, and is lost. A side that has no form with a context (a buffer, say) is used as it is.
template <writer W, reader R>
result<std::uint64_t> copy(const context& ctx, W&& dst, R&& src) {
  if constexpr (requires { dst.copy_from(ctx, src); }) {
    return dst.copy_from(ctx, src);
  } else {
    return detail::copy_buffered_until(ctx, dst, src);
  }
}

/// Fills `into`. Fewer bytes come with an error: eof when there was none at all, err_unexpected_eof when the stream
/// ended in between, else what read said.
template <reader R>
result<std::size_t> read_full(R&& src, std::span<char> into) {
  std::size_t n = 0;
  while (n < into.size()) {
    const result<std::size_t> got = src.read(into.subspan(n));
    n += got.value;
    if (got.err && n < into.size()) return {n, got.err == eof && n > 0 ? err_unexpected_eof : got.err};
  }
  return {n, {}};
}

/// Everything up to the end of the stream, which is no error.
template <reader R>
result<std::string> read_all(R&& src) {
  std::string text;
  for (;;) {
    const std::size_t had = text.size();
    text.resize(had + 4096);
    const result<std::size_t> got = src.read(std::span<char>(text).subspan(had));
    text.resize(had + got.value);
    if (got.err) return {std::move(text), got.err == eof ? error() : got.err};
  }
}

/// A reader with a buffer in front of another: few big reads instead of many small ones, and read_line without looking
/// at every byte twice. Refers to the reader it is made of, or keeps it when that is a temporary or a handle moved in.
/// Not thread-safe.
template <reader R>
class buffered_reader {
 public:
  explicit buffered_reader(R src, std::size_t size = 4096)
      : src_(std::forward<R>(src)), buffer_(size < 16 ? 16 : size) {}

  /// What is in the buffer, else what one read of the underlying reader gives. Blocks as that does.
  result<std::size_t> read(std::span<char> into) {
    if (into.empty()) return {};
    if (begin_ == end_) {
      if (into.size() >= buffer_.size()) return src_.read(into);
      if (error err = fill()) return {0, std::move(err)};
    }
    const std::size_t n = std::min(into.size(), end_ - begin_);
    std::memcpy(into.data(), buffer_.data() + begin_, n);
    begin_ += n;
    return {n, {}};
  }

  /// See io::read_line.
  result<std::string> read_line(std::size_t max) {
    std::string line;
    for (;;) {
      const std::string_view have = buffered();
      const std::size_t newline = have.find('\n');
      if (newline != std::string_view::npos) {
        if (line.size() + newline > max + 1) return {{}, err_line_too_long};
        line.append(have.substr(0, newline));
        begin_ += newline + 1;
        return detail::finish_line(std::move(line), max);
      }
      if (line.size() + have.size() > max + 1) return {{}, err_line_too_long};
      line.append(have);
      begin_ = end_;
      if (error err = fill()) {
        if (err != eof || line.empty()) return {{}, std::move(err)};
        return detail::finish_line(std::move(line), max);
      }
    }
  }

  /// What was read ahead and not taken yet. Valid until the next call.
  std::string_view buffered() const { return {buffer_.data() + begin_, end_ - begin_}; }

 private:
  error fill() {
    const result<std::size_t> got = src_.read(std::span<char>(buffer_));
    begin_ = 0;
    end_ = got.value;
    return got.value > 0 ? error() : got.err;
  }

  R src_;
  std::vector<char> buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

template <class R>
buffered_reader(R&) -> buffered_reader<R&>;
template <class R>
buffered_reader(R&, std::size_t) -> buffered_reader<R&>;
template <class R>
buffered_reader(R&&) -> buffered_reader<R>;
template <class R>
buffered_reader(R&&, std::size_t) -> buffered_reader<R>;

/// How long a line read_line takes unless it is told otherwise.
inline constexpr std::size_t max_line = 64 * 1024;

/// The next line without its "\n" or "\r\n". A last line that is not ended counts as one; after it comes eof. A line
/// longer than `max` is err_line_too_long, and what was read of it is lost. Takes no more from src than the line: a
/// reader that can tell what comes next (net::conn) or has a buffer (buffered_reader) is asked for pieces, any other
/// one for a byte at a time. For more than a few lines use a buffered_reader.
template <reader R>
result<std::string> read_line(R&& src, std::size_t max = max_line) {
  if constexpr (requires { src.read_line(max); }) {
    return src.read_line(max);
  } else {
    std::string line;
    for (;;) {
      char c;
      const result<std::size_t> got = src.read(std::span<char>(&c, 1));
      if (got.value == 1 && c == '\n') break;
      if (got.value == 1) line.push_back(c);
      if (line.size() > max + 1) return {{}, err_line_too_long};
      if (got.err) {
        if (got.err == eof && !line.empty()) break;
        return {{}, got.err};
      }
    }
    return detail::finish_line(std::move(line), max);
  }
}

/// The reading end of a pipe. A shared handle; all functions may be called from several goroutines and threads.
class pipe_reader {
 public:
  /// Blocks until somebody writes or the writing end is closed: then eof, or what it was closed with. err_closed_pipe
  /// when this end is closed.
  result<std::size_t> read(std::span<char> into) const;
  /// The same until ctx is done: ctx.err(), and nothing that is written later is lost.
  result<std::size_t> read(const context& ctx, std::span<char> into) const;
  /// Writers get err_closed_pipe, or `err`. Closing again does nothing.
  void close(error err = {}) const;

 private:
  friend struct pipe_ends pipe();
  std::shared_ptr<detail::pipe_state> state_;
};

/// The writing end of a pipe. A shared handle; all functions may be called from several goroutines and threads.
class pipe_writer {
 public:
  /// Blocks until readers have taken everything, or the reading end is closed: then what it was closed with. Concurrent
  /// writes come one after the other.
  result<std::size_t> write(std::span<const char> from) const;
  /// The same until ctx is done: ctx.err(), with how much readers have taken.
  result<std::size_t> write(const context& ctx, std::span<const char> from) const;
  template <std::size_t N>
  result<std::size_t> write(const context& ctx, const char (&text)[N]) const {
    return write(ctx, detail::literal(text));
  }
  template <std::size_t N>
  result<std::size_t> write(const char (&text)[N]) const {
    return write(detail::literal(text));
  }
  template <std::size_t N>
  result<std::size_t> write(char (&from)[N]) const {
    return write(std::span<const char>(from));
  }
  /// Readers get eof, or `err`. Closing again does nothing.
  void close(error err = {}) const;

 private:
  friend struct pipe_ends pipe();
  std::shared_ptr<detail::pipe_state> state_;
};

struct pipe_ends {
  pipe_reader reader;
  pipe_writer writer;
};

/// A pipe inside the process: what is written to one end is read at the other, without a buffer in between.
pipe_ends pipe();

}  // namespace gofer::io
