// Streams: copy, read_full, read_line, buffered_reader, pipes.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <gofer/io.hpp>
#include <gofer/runtime.hpp>
#include <gofer/sync.hpp>
#include <string>
#include <thread>
#include <vector>

namespace {

namespace io = gofer::io;
using gofer::result;

// Gives its text in pieces of `step`, then `end`.
struct source {
  std::string text;
  std::size_t step = 3;
  gofer::error end = io::eof;
  bool end_with_last_piece = false;

  result<std::size_t> read(std::span<char> into) {
    const std::size_t n = std::min({step, into.size(), text.size()});
    std::copy_n(text.begin(), n, into.begin());
    text.erase(0, n);
    const bool last = text.empty() && (n == 0 || end_with_last_piece);
    return {n, last && !into.empty() ? end : gofer::error()};
  }
};

struct sink {
  std::string text;
  std::size_t room = 1'000'000;
  bool silent = false;

  result<std::size_t> write(std::span<const char> from) {
    const std::size_t n = std::min(room, from.size());
    text.append(from.data(), n);
    room -= n;
    return {n, n == from.size() || silent ? gofer::error() : gofer::make_error("full")};
  }
};

static_assert(io::reader<source> && !io::writer<source>);
static_assert(io::writer<sink> && !io::reader<sink>);
static_assert(io::reader<io::pipe_reader> && io::writer<io::pipe_writer>);

template <class F>
void on_procs(F main) {
  for (const int procs : {1, 2, 4, 8}) {
    SCOPED_TRACE("GOMAXPROCS " + std::to_string(procs));
    gofer::run({.maxprocs = procs}, main);
  }
}

TEST(Io, Sentinels) {
  EXPECT_EQ(io::eof.what(), "EOF");
  EXPECT_EQ(io::err_unexpected_eof.what(), "unexpected EOF");
  EXPECT_EQ(io::err_closed_pipe.what(), "io: read/write on closed pipe");
  EXPECT_EQ(io::err_short_write.what(), "short write");
  EXPECT_EQ(gofer::os::err_deadline_exceeded.what(), "i/o timeout");
  EXPECT_NE(io::eof, io::err_unexpected_eof);
}

TEST(Io, Copy) {
  for (const bool early : {false, true}) {
    sink to;
    const auto r = io::copy(to, source{.text = "some text", .end_with_last_piece = early});
    EXPECT_EQ(r.value, 9u);
    EXPECT_FALSE(r.err);
    EXPECT_EQ(to.text, "some text");
  }
}

TEST(Io, CopyReportsEitherSide) {
  sink to;
  const auto broken = io::copy(to, source{.text = "abc", .end = gofer::make_error("unplugged")});
  EXPECT_EQ(broken.value, 3u);
  EXPECT_EQ(broken.err.what(), "unplugged");
  sink small{.text = {}, .room = 4};
  const auto full = io::copy(small, source{.text = "abcdef"});
  EXPECT_EQ(full.value, 4u);
  EXPECT_EQ(full.err.what(), "full");
  sink liar{.text = {}, .room = 4, .silent = true};
  EXPECT_EQ(io::copy(liar, source{.text = "abcdef"}).err, io::err_short_write);
}

TEST(Io, ReadFull) {
  char b[6];
  EXPECT_EQ(gofer::must(io::read_full(source{.text = "abcdefgh"}, b)), 6u);
  EXPECT_EQ(std::string(b, 6), "abcdef");
  EXPECT_EQ(gofer::must(io::read_full(source{.text = "abcdef", .end_with_last_piece = true}, b)), 6u);
  const auto cut = io::read_full(source{.text = "abcd"}, b);
  EXPECT_EQ(cut.value, 4u);
  EXPECT_EQ(cut.err, io::err_unexpected_eof);
  EXPECT_EQ(io::read_full(source{}, b).err, io::eof);
  EXPECT_FALSE(io::read_full(source{}, std::span<char>()).err);
  EXPECT_EQ(io::read_full(source{.text = "a", .end = gofer::make_error("no")}, b).err.what(), "no");
}

TEST(Io, ReadAll) {
  EXPECT_EQ(gofer::must(io::read_all(source{.text = std::string(10'000, 'x'), .step = 777})), std::string(10'000, 'x'));
  const auto broken = io::read_all(source{.text = "ab", .end = gofer::make_error("no")});
  EXPECT_EQ(broken.value, "ab");
  EXPECT_EQ(broken.err.what(), "no");
}

TEST(Io, ReadLine) {
  source s{.text = "one\r\n\ntwo\rthree\nlast"};
  EXPECT_EQ(gofer::must(io::read_line(s)), "one");
  EXPECT_EQ(gofer::must(io::read_line(s)), "");
  EXPECT_EQ(gofer::must(io::read_line(s)), "two\rthree");
  EXPECT_EQ(gofer::must(io::read_line(s)), "last");
  EXPECT_EQ(io::read_line(s).err, io::eof);
  source rest{.text = "line\nrest"};
  gofer::must(io::read_line(rest));
  EXPECT_EQ(rest.text, "rest");
}

TEST(Io, ReadLineHasALimit) {
  source fits{.text = std::string(10, 'x') + "\r\n"};
  EXPECT_EQ(gofer::must(io::read_line(fits, 10)).size(), 10u);
  source longer{.text = std::string(11, 'x') + "\n"};
  EXPECT_EQ(io::read_line(longer, 10).err, io::err_line_too_long);
  for (const std::size_t size : {std::size_t{16}, std::size_t{4096}}) {
    source s{.text = std::string(10, 'x') + "\r\n" + std::string(11, 'y') + "\n"};
    io::buffered_reader b(s, size);
    EXPECT_EQ(gofer::must(io::read_line(b, 10)).size(), 10u);
    EXPECT_EQ(io::read_line(b, 10).err, io::err_line_too_long);
  }
}

TEST(Io, BufferedReader) {
  source s{.text = "first line\nsecond, longer line than the buffer\nrest", .step = 7};
  io::buffered_reader b(s, 16);
  EXPECT_EQ(gofer::must(io::read_line(b)), "first line");
  EXPECT_EQ(gofer::must(io::read_line(b)), "second, longer line than the buffer");
  EXPECT_EQ(gofer::must(io::read_all(b)), "rest");
  EXPECT_EQ(io::read_line(b).err, io::eof);

  io::buffered_reader owned(source{.text = "abc\ndef", .step = 100});
  char two[2];
  EXPECT_EQ(gofer::must(owned.read(two)), 2u);
  EXPECT_EQ(owned.buffered(), "c\ndef");
  EXPECT_EQ(gofer::must(io::read_line(owned)), "c");
  EXPECT_EQ(gofer::must(io::read_line(owned)), "def");
}

// --- Pipes.

TEST(IoPipe, WriteWaitsUntilEverythingIsRead) {
  on_procs([] {
    auto [reader, writer] = io::pipe();
    gofer::go([w = writer] {
      EXPECT_EQ(gofer::must(w.write("hello world")), 11u);
      w.close();
    });
    char b[4];
    std::string got;
    for (;;) {
      const auto r = reader.read(b);
      got.append(b, r.value);
      if (!r.err) continue;
      EXPECT_EQ(r.err, io::eof);
      break;
    }
    EXPECT_EQ(got, "hello world");
  });
}

TEST(IoPipe, CopyThrough) {
  on_procs([] {
    auto [reader, writer] = io::pipe();
    gofer::go([w = writer] {
      EXPECT_EQ(io::copy(w, source{.text = std::string(200'000, 'p'), .step = 5'000}).value, 200'000u);
      w.close(gofer::make_error("that was it"));
    });
    const auto r = io::read_all(reader);
    EXPECT_EQ(r.value, std::string(200'000, 'p'));
    EXPECT_EQ(r.err.what(), "that was it");
  });
}

TEST(IoPipe, ClosedReaderStopsWriters) {
  on_procs([] {
    auto [reader, writer] = io::pipe();
    gofer::go([r = reader] {
      char b[3];
      gofer::must(r.read(b));
      r.close();
    });
    const auto cut = writer.write("abcdef");
    EXPECT_EQ(cut.value, 3u);
    EXPECT_EQ(cut.err, io::err_closed_pipe);
    EXPECT_EQ(writer.write("more").err, io::err_closed_pipe);
    char b[3];
    EXPECT_EQ(reader.read(b).err, io::err_closed_pipe);

    auto second = io::pipe();
    second.reader.close(gofer::make_error("had enough"));
    EXPECT_EQ(second.writer.write("x").err.what(), "had enough");
    second.writer.close();
    EXPECT_EQ(second.writer.write("x").err, io::err_closed_pipe);
  });
}

TEST(IoPipe, ManyReadersAndWriters) {
  on_procs([] {
    auto [reader, writer] = io::pipe();
    gofer::wait_group writers;
    gofer::wait_group readers;
    std::atomic<std::size_t> total{0};
    for (int i = 0; i < 8; i++) {
      writers.go([w = writer] {
        for (int n = 0; n < 100; n++) EXPECT_EQ(gofer::must(w.write(std::string(100, 'x'))), 100u);
      });
      readers.go([&total, r = reader] {
        char b[37];
        for (;;) {
          const auto got = r.read(b);
          if (got.err) return;
          total += got.value;
        }
      });
    }
    writers.wait();
    writer.close();
    readers.wait();
    EXPECT_EQ(total, 8u * 100 * 100);
  });
}

TEST(IoPipe, PlainThreads) {
  auto [reader, writer] = io::pipe();
  std::thread t([w = writer] {
    for (int i = 0; i < 100; i++) gofer::must(w.write("line\n"));
    w.close();
  });
  int lines = 0;
  io::buffered_reader b(reader);
  while (!io::read_line(b).err) lines++;
  EXPECT_EQ(lines, 100);
  t.join();
}

TEST(IoPipe, EmptyHandles) {
  char b[1];
  EXPECT_EQ(io::pipe_reader().read(b).err, io::err_closed_pipe);
  EXPECT_EQ(io::pipe_writer().write("x").err, io::err_closed_pipe);
  io::pipe_writer().close();
}

}  // namespace
