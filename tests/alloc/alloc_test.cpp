// What allocates nothing: every operation on channels, select up to 16 cases, all that waits in sync, with and without
// a context or time, reads and writes of the network and of pipes, and timers that are there.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <functional>
#include <gofer/gofer.hpp>
#include <mutex>
#include <new>
#include <shared_mutex>
#include <string>
#include <thread>
#include <vector>

#include "../unit/sometimes.hpp"

namespace {

std::atomic<long> allocations{0};

void* allocate(std::size_t size, std::size_t align) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  void* p = std::aligned_alloc(align, (size + align - 1) / align * align);
  if (p == nullptr) throw std::bad_alloc();
  return p;
}

}  // namespace

// Not inlined: GCC would see the free of one without the allocation of the other, and warn of a mismatch.
#define GOFER_REPLACES __attribute__((noinline))

GOFER_REPLACES void* operator new(std::size_t size) { return allocate(size, alignof(std::max_align_t)); }
GOFER_REPLACES void* operator new(std::size_t size, std::align_val_t align) {
  return allocate(size, std::max(alignof(std::max_align_t), static_cast<std::size_t>(align)));
}
GOFER_REPLACES void operator delete(void* p) noexcept { std::free(p); }
GOFER_REPLACES void operator delete(void* p, std::size_t) noexcept { std::free(p); }
GOFER_REPLACES void operator delete(void* p, std::align_val_t) noexcept { std::free(p); }
GOFER_REPLACES void operator delete(void* p, std::size_t, std::align_val_t) noexcept { std::free(p); }

namespace {

using namespace std::chrono_literals;
using gofer::chan;
using gofer::recv;
using gofer::select;
using gofer::send;

constexpr int rounds = 100;

/// Two goroutines that do a() and b() at the same time, again and again, without allocating: once what grows (a heap
/// of timers, say) has grown.
void two_without_allocation(const char* what, const std::function<void(int)>& a, const std::function<void(int)>& b) {
  for (const int procs : {1, 2, 4}) {
    SCOPED_TRACE(what);
    gofer::run(gofer::options{.maxprocs = procs}, [&] {
      const chan<> start{0};
      const chan<> done{0};
      gofer::wait_group partner;
      partner.go([&] {
        while (start.recv()) {
          for (int i = 0; i < rounds; i++) b(i);
          done.send();
        }
      });
      EXPECT_TRUE(gofer::test::sometimes([&] {
        const long before = allocations;
        start.send();
        for (int i = 0; i < rounds; i++) a(i);
        done.recv();
        return allocations == before;
      })) << procs;
      start.close();
      partner.wait();
    });
  }
}

void without_allocation(const char* what, const std::function<void(int)>& f) {
  two_without_allocation(what, f, [](int) { gofer::gosched(); });
}

TEST(Alloc, TheCounterCounts) {
  const long before = allocations;
  int* volatile p = new int;  // volatile: the two may be left out otherwise
  delete p;
  EXPECT_EQ(allocations, before + 1);
}

TEST(Alloc, Channels) {
  for (const int cap : {0, 1, 128}) {
    const chan<int> numbers{cap};
    two_without_allocation(
        "numbers", [&](int i) { numbers.send(i); }, [&](int) { numbers.recv(); });
    const chan<std::string> texts{cap};
    const chan<std::string> back{1};
    back.send(std::string(100, 'x'));
    two_without_allocation(
        "texts", [&](int) { texts.send(*back.recv()); }, [&](int) { back.send(*texts.recv()); });
    two_without_allocation(
        "time", [&](int i) { numbers.try_send_for(i, 1h); },
        [&](int i) { EXPECT_EQ(numbers.try_recv_for(i, 1h), gofer::recv_status::ok); });
    auto [ctx, cancel] = gofer::with_cancel(gofer::background());
    two_without_allocation(
        "context", [&, &c = ctx](int i) { EXPECT_FALSE(numbers.send(c, i)); },
        [&, &c = ctx](int) { EXPECT_TRUE(numbers.recv(c).value); });
    without_allocation("try", [&](int i) {
      numbers.try_send(i);
      numbers.try_recv(i);
    });
    cancel();
  }
}

TEST(Alloc, SelectOfUpTo16Cases) {
  std::array<chan<int>, 16> c;
  for (auto& one : c) one = chan<int>(0);
  const auto run = [&](const char* what, auto chooses) {
    two_without_allocation(
        what, [&](int) { chooses(); }, [&](int i) { c[static_cast<std::size_t>(i) % 2].send(i); });
  };
  int got = 0;
  const auto take = [&](std::optional<int> v) { got = v.value_or(-1); };
  run("two", [&] { select(recv(c[0], take), recv(c[1], take)); });
  run("sixteen", [&] {
    select(recv(c[0], take), recv(c[1], take), recv(c[2]), recv(c[3]), recv(c[4]), recv(c[5]), recv(c[6]), recv(c[7]),
           recv(c[8]), recv(c[9]), recv(c[10]), recv(c[11]), send(c[12], 1), send(c[13], 1), send(c[14], 1),
           send(c[15], 1));
  });
  run("after", [&] { select(recv(c[0], take), recv(c[1], take), gofer::after(1h, [] {})); });
  std::vector<gofer::select_case> cases;
  for (const auto& one : c) cases.push_back(recv(one, take));
  run("dynamic", [&] { select(cases); });
  without_allocation("otherwise", [&](int) { select(recv(c[0]), send(c[1], 1), gofer::otherwise()); });
}

TEST(Alloc, Sync) {
  gofer::mutex mu;
  const auto lock = [&](int i) {
    const std::lock_guard hold(mu);
    if (i % 3 == 0) gofer::gosched();
  };
  two_without_allocation("mutex", lock, lock);
  auto [ctx, cancel] = gofer::with_cancel(gofer::background());
  const auto lock_in_context = [&, &c = ctx](int i) {
    EXPECT_FALSE(mu.lock_until(c));
    if (i % 3 == 0) gofer::gosched();
    mu.unlock();
  };
  two_without_allocation("mutex, context", lock_in_context, lock_in_context);
  const auto lock_in_time = [&](int i) {
    EXPECT_TRUE(mu.try_lock_for(1h));
    if (i % 3 == 0) gofer::gosched();
    mu.unlock();
  };
  two_without_allocation("mutex, time", lock_in_time, lock_in_time);

  gofer::shared_mutex rw;
  two_without_allocation(
      "shared_mutex",
      [&](int i) {
        const std::lock_guard hold(rw);
        if (i % 3 == 0) gofer::gosched();
      },
      [&](int i) {
        const std::shared_lock hold(rw);
        if (i % 3 == 0) gofer::gosched();
      });

  gofer::counting_semaphore<> a{0}, b{0};
  two_without_allocation(
      "semaphore", [&](int) { a.release(), b.acquire(); }, [&](int) { a.acquire(), b.release(); });

  gofer::condition_variable cv;
  int turn = 0;
  const auto take_turn = [&](int mine) {
    std::unique_lock hold(mu);
    cv.wait(hold, [&] { return turn == mine; });
    turn = 1 - mine;
    cv.notify_one();
  };
  two_without_allocation(
      "condition_variable", [&](int) { take_turn(0); }, [&](int) { take_turn(1); });

  gofer::wait_group wg;
  const chan<> go_on{0};
  two_without_allocation(
      "wait_group",
      [&](int) {
        wg.add(1);
        go_on.send();
        wg.wait();
      },
      [&](int) {
        go_on.recv();
        wg.done();
      });
  gofer::once o;
  without_allocation("once", [&](int) { call_once(o, [] {}); });
  cancel();
}

TEST(Alloc, Network) {
  const gofer::net::listener l = gofer::must(gofer::net::listen("tcp", "127.0.0.1:0"));
  const gofer::net::conn near = gofer::must(gofer::net::dial("tcp", l.addr().str()));
  const gofer::net::conn far = gofer::must(l.accept());
  const auto [r, w] = gofer::io::pipe();
  auto [ctx, cancel] = gofer::with_cancel(gofer::background());
  char b[8];
  char c[8];
  const auto echo = [&](const char* what, const gofer::context& in) {
    two_without_allocation(
        what,
        [&](int) {
          near.write(in, "ping");
          EXPECT_EQ(near.read(in, b).value, 4u);
        },
        [&](int) { far.write(in, std::span<const char>(c, far.read(in, c).value)); });
  };
  echo("conn, context", ctx);
  echo("conn, background", gofer::background());
  two_without_allocation(
      "io::pipe, context", [&, &to = w, &in = ctx](int) { to.write(in, "ping"); },
      [&, &from = r, &in = ctx](int) { EXPECT_EQ(from.read(in, c).value, 4u); });
  cancel();
}

TEST(Alloc, Time) {
  without_allocation("sleep", [&](int i) { gofer::sleep(std::chrono::microseconds(i % 3)); });
  for (const int procs : {1, 2, 4}) {
    gofer::run(gofer::options{.maxprocs = procs}, [&] {
      const gofer::timer far(1h);
      const gofer::ticker often{10us};
      EXPECT_TRUE(gofer::test::sometimes([&] {
        const long before = allocations;
        for (int i = 0; i < rounds; i++) {
          far.reset(1h + std::chrono::seconds(i % 7 == 0 ? -i : i));
          if (i % 5 == 0) far.stop();
          often.c().recv();
        }
        return allocations == before;
      }));
    });
  }
}

}  // namespace
