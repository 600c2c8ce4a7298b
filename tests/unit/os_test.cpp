// Files, and copies that the kernel makes.
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <gofer/context.hpp>
#include <gofer/os.hpp>
#include <string>
#include <thread>
#include <vector>

#include "net_util.hpp"

namespace {

using namespace net_test;
namespace io = gofer::io;
namespace net = gofer::net;
namespace os = gofer::os;

/// A folder that goes with everything in it.
struct temp_dir {
  temp_dir() {
    char name[] = "/tmp/gofer_os_XXXXXX";
    path = ::mkdtemp(name);
  }
  temp_dir(const temp_dir&) = delete;
  temp_dir& operator=(const temp_dir&) = delete;
  ~temp_dir() { std::filesystem::remove_all(path); }
  std::string operator/(const std::string& name) const { return path + "/" + name; }
  std::string path;
};

// Text that is the same nowhere in the neighbourhood.
std::string pattern(std::size_t size) {
  std::string block;
  for (int i = 0; i < 4000; i++) block += std::to_string(i * 7919 % 10007) + ' ';
  std::string text;
  while (text.size() < size) text.append(block, 0, size - text.size());
  return text;
}

std::string make_file(const std::string& path, const std::string& text) {
  const os::file f = gofer::must(os::create(path));
  EXPECT_EQ(gofer::must(f.write(text)), text.size());
  return path;
}

TEST(OsFile, WriteSeekReadStat) {
  on_procs([] {
    const temp_dir dir;
    const os::file f = gofer::must(os::create(dir / "x"));
    EXPECT_EQ(f.name(), dir / "x");
    const std::string text = pattern(3 << 20);
    EXPECT_EQ(gofer::must(f.write(text)), text.size());
    EXPECT_EQ(gofer::must(f.seek(-5, os::whence::end)), static_cast<std::int64_t>(text.size()) - 5);
    char b[16];
    EXPECT_EQ(gofer::must(f.read(b)), 5u);
    EXPECT_EQ(f.read(b).err, io::eof);
    EXPECT_EQ(gofer::must(f.read({b, 0})), 0u);
    EXPECT_EQ(gofer::must(f.seek(0, os::whence::start)), 0);
    EXPECT_EQ(gofer::must(f.seek(7, os::whence::current)), 7);
    EXPECT_TRUE(gofer::must(io::read_all(f)) == text.substr(7));
    const os::file_info info = gofer::must(f.stat());
    EXPECT_EQ(info.name, "x");
    EXPECT_EQ(info.size, static_cast<std::int64_t>(text.size()));
    EXPECT_TRUE(info.is_regular());
    EXPECT_FALSE(info.is_dir());
    EXPECT_GT(info.modified, std::chrono::system_clock::now() - 1h);
    EXPECT_TRUE(gofer::must(os::stat(dir.path)).is_dir());
    EXPECT_FALSE(f.close());
    EXPECT_EQ(gofer::must(os::open(dir / "x").value.stat()).size, info.size);
  });
}

TEST(OsFile, Errors) {
  on_procs([] {
    const temp_dir dir;
    const std::string none = dir / "none";
    const auto missing = os::open(none);
    EXPECT_EQ(missing.err.what(), "open " + none + ": no such file or directory");
    EXPECT_TRUE(gofer::is(missing.err, std::errc::no_such_file_or_directory));
    EXPECT_EQ(gofer::as<os::path_error>(missing.err)->path, none);
    EXPECT_EQ(os::stat(none).err.what(), "stat " + none + ": no such file or directory");
    EXPECT_EQ(os::open(std::string("a\0b", 3)).err.what().substr(0, 6), "open a");
    make_file(none, "x");
    const os::file f = gofer::must(os::open(none));
    char b[4];
    EXPECT_EQ(f.write("x").err.what(), "write " + none + ": bad file descriptor");
    EXPECT_EQ(f.seek(-1, os::whence::start).err.what(), "seek " + none + ": invalid argument");
    EXPECT_EQ(gofer::must(os::open(dir.path)).read(b).err.what(), "read " + dir.path + ": is a directory");
    EXPECT_FALSE(f.close());
    EXPECT_EQ(f.close().what(), "close " + none + ": file already closed");
    for (const gofer::error& err : {f.read(b).err, f.write("x").err, f.stat().err, f.seek(0, os::whence::end).err,
                                    os::file().read(b).err, os::file().close()}) {
      EXPECT_TRUE(gofer::is(err, os::err_closed)) << err;
    }
    EXPECT_TRUE(gofer::is(os::open_file(none, O_CREAT | O_EXCL, 0600).err, std::errc::file_exists));
    const os::file more = gofer::must(os::open_file(none, O_WRONLY | O_APPEND));
    gofer::must(more.write("yz"));
    EXPECT_EQ(gofer::must(io::read_all(gofer::must(os::open(none)))), "xyz");
  });
}

TEST(OsFile, OnAPlainThreadAndBySeveral) {
  const temp_dir dir;
  const std::string path = make_file(dir / "x", pattern(100'000));
  const os::file f = gofer::must(os::open(path));
  std::atomic<std::size_t> total{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; i++) {
    threads.emplace_back([&] {
      char b[1000];
      for (;;) {
        const auto got = f.read(b);
        total += got.value;
        if (got.err) break;
      }
    });
  }
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(total, 100'000u);
}

// --- Copies that the kernel makes.

TEST(CopyFile, ToASocket) {
  on_procs([] {
    const temp_dir dir;
    const std::string text = pattern(9 << 20);
    const os::file f = gofer::must(os::open(make_file(dir / "big", text)));
    gofer::must(f.seek(1000, os::whence::start));
    const pair p = connected();
    gofer::go([f, c = p.client, size = text.size()] {
      EXPECT_EQ(gofer::must(io::copy(c, f)), size - 1000);
      // The position moved: nothing is left.
      EXPECT_EQ(gofer::must(io::copy(c, f)), 0u);
      c.close();
    });
    EXPECT_TRUE(gofer::must(drain(p.server)) == text.substr(1000));
  });
}

TEST(CopyFile, WhatSendfileCannotSend) {
  on_procs([] {
    const pair p = connected();
    const os::file proc = gofer::must(os::open("/proc/self/status"));
    gofer::go([proc, c = p.client] {
      EXPECT_GT(gofer::must(io::copy(c, proc)), 100u);
      c.close();
    });
    EXPECT_EQ(gofer::must(drain(p.server)).substr(0, 5), "Name:");
  });
}

TEST(CopyFile, ErrorsNameTheSideThatFailed) {
  on_procs([] {
    const temp_dir dir;
    const std::string path = make_file(dir / "x", "");
    ASSERT_EQ(::truncate(path.c_str(), 20 << 20), 0);  // more than sockets hold
    const os::file f = gofer::must(os::open(path));
    // The peer is gone: an error, no SIGPIPE.
    pair p = connected();
    p.server.close();
    gofer::result<std::uint64_t> r;
    do {
      f.seek(0, os::whence::start);
      r = io::copy(p.client, f);
    } while (!r.err);
    EXPECT_TRUE(gofer::is(r.err, std::errc::broken_pipe) || gofer::is(r.err, std::errc::connection_reset)) << r.err;
    // A context.
    const pair q = connected();
    f.seek(0, os::whence::start);
    auto [ctx, cancel] = gofer::with_timeout(gofer::background(), 5ms);
    const auto ended = io::copy(ctx, q.client, f);
    EXPECT_TRUE(gofer::is(ended.err, gofer::context::deadline_exceeded)) << ended.err;
    cancel();
    f.close();
    EXPECT_TRUE(gofer::is(io::copy(q.client, f).err, os::err_closed));
    EXPECT_TRUE(gofer::is(io::copy(q.client, os::file()).err, os::err_closed));
    EXPECT_TRUE(gofer::is(io::copy(net::conn(), f).err, os::err_closed));
  });
}

TEST(CopyConn, SocketToSocket) {
  on_procs([] {
    const std::string text = pattern(5 << 20);
    const net::listener local = gofer::must(net::listen("unix", "@gofer_splice_" + std::to_string(::getpid())));
    const pair in = connected();
    const pair middle = connect_to(local);
    const pair out = connected();
    gofer::wait_group done;
    done.go([&] {
      EXPECT_EQ(gofer::must(io::copy(middle.client, in.server)), text.size());
      middle.client.close_write();
    });
    done.go([&] {
      EXPECT_EQ(gofer::must(io::copy(out.client, middle.server)), text.size());
      out.client.close_write();
    });
    done.go([&] {
      gofer::must(in.client.write(text));
      in.client.close_write();
    });
    EXPECT_TRUE(gofer::must(drain(out.server)) == text);
    done.wait();
  });
}

// A proxy: every message there and back, so that the copies wait for data all the time.
TEST(CopyConn, ProxyOfSmallMessages) {
  on_procs([] {
    const pair front = connected();
    const pair back = connected();
    gofer::wait_group done;
    done.go([&] {
      io::copy(back.client, front.server);
      back.client.close_write();
    });
    done.go([&] {
      io::copy(front.server, back.client);
      front.server.close_write();
    });
    done.go([&] {
      io::copy(back.server, back.server);
      back.server.close_write();
    });
    for (int i = 0; i < 300; i++) {
      const std::string text = std::to_string(i) + "\n";
      gofer::must(front.client.write(text));
      ASSERT_EQ(gofer::must(front.client.read_line(100)) + "\n", text);
    }
    front.client.close_write();
    EXPECT_EQ(gofer::must(drain(front.client)), "");
    done.wait();
  });
}

TEST(CopyConn, EndsAndErrors) {
  on_procs([] {
    {
      const pair in = connected();
      const pair out = connected();
      auto [ctx, cancel] = gofer::with_cancel(gofer::background());
      gofer::wait_group done;
      done.go([&, &c = ctx] {
        const auto r = io::copy(c, out.client, in.server);
        EXPECT_EQ(r.value, 5u);
        EXPECT_TRUE(gofer::is(r.err, gofer::context::canceled)) << r.err;
      });
      gofer::must(in.client.write("12345"));
      char b[5];
      EXPECT_EQ(gofer::must(io::read_full(out.server, b)), 5u);
      cancel();
      done.wait();
      // Both sides go on, and what comes is not lost.
      gofer::must(in.client.write("more\n"));
      EXPECT_EQ(gofer::must(in.server.read_line(100)), "more");
    }
    const pair in = connected();
    const pair out = connected();
    out.server.close();
    gofer::go([c = in.client] {
      const std::string text(1 << 20, 'x');
      while (!c.write(text).err) {
      }
    });
    const auto r = io::copy(out.client, in.server);
    EXPECT_TRUE(gofer::is(r.err, std::errc::broken_pipe) || gofer::is(r.err, std::errc::connection_reset)) << r.err;
    EXPECT_EQ(r.err.what().substr(0, 10), "write tcp ");
    in.server.close();
    EXPECT_TRUE(gofer::is(io::copy(out.client, in.server).err, net::err_closed));
    EXPECT_TRUE(gofer::is(io::copy(out.client, net::conn()).err, net::err_closed));
  });
}

TEST(CopyConn, OnPlainThreads) {
  const std::string text = pattern(3 << 20);
  const pair in = connected();
  const pair out = connected();
  std::thread proxy([&] {
    EXPECT_EQ(gofer::must(io::copy(out.client, in.server)), text.size());
    out.client.close();
  });
  std::thread writer([&] {
    in.client.write(text);
    in.client.close();
  });
  EXPECT_TRUE(gofer::must(drain(out.server)) == text);
  writer.join();
  proxy.join();
}

}  // namespace
