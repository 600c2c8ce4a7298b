// Channels, selects and locks under load for as long as the argument says, with everything that was sent counted in and
// out; and the promise that no operation allocates.
//
//   stress_chan_stress SECONDS [SEED]
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <gofer/chan.hpp>
#include <gofer/runtime.hpp>
#include <gofer/select.hpp>
#include <gofer/sync.hpp>
#include <gofer/time.hpp>
#include <mutex>
#include <new>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace {

std::atomic<std::uint64_t> allocations{0};

__attribute__((noinline)) void* allocate(std::size_t size, std::size_t align) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  void* p = std::aligned_alloc(align, (size + align - 1) / align * align);
  if (p == nullptr) std::abort();
  return p;
}

// Not inlined: GCC pairs an inlined half with the other's name and calls them mismatched.
__attribute__((noinline)) void deallocate(void* p) { std::free(p); }

}  // namespace

void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return allocate(size, 16); }
void* operator new(std::size_t size) { return allocate(size, 16); }
void* operator new(std::size_t size, std::align_val_t align) { return allocate(size, static_cast<std::size_t>(align)); }
void operator delete(void* p) noexcept { deallocate(p); }
void operator delete(void* p, std::size_t) noexcept { deallocate(p); }
void operator delete(void* p, std::align_val_t) noexcept { deallocate(p); }
void operator delete(void* p, std::size_t, std::align_val_t) noexcept { deallocate(p); }

namespace {

using namespace std::chrono_literals;
using gofer::chan;

int failures = 0;

void check(bool ok, const char* what) {
  if (ok) return;
  std::fprintf(stderr, "chan_stress: %s\n", what);
  failures++;
}

/// How many allocations a thousand calls of f make, after some to warm up. The fewest of some attempts: on a busy
/// machine the scheduler takes the P from a thread that the kernel has put aside, and a new worker allocates.
template <class F>
std::uint64_t allocations_of(F f) {
  for (int i = 0; i < 100; i++) f();
  std::uint64_t fewest = ~std::uint64_t{0};
  for (int attempt = 0; attempt < 20 && fewest != 0; attempt++) {
    const std::uint64_t before = allocations;
    for (int i = 0; i < 1000; i++) f();
    fewest = std::min(fewest, allocations - before);
  }
  return fewest;
}

void nothing_allocates() {
  gofer::run(gofer::options{.maxprocs = 1}, [] {
    chan<long> a{0}, b{0}, buffered{4};
    chan<std::string> s{1};
    std::array<chan<int>, 16> many;
    for (auto& c : many) c = chan<int>(1);
    std::atomic<bool> on{true};
    gofer::wait_group wg;
    wg.go([&] {
      while (on) {
        gofer::select(gofer::recv(a, [&](auto v) { b.send(*v + 1); }), gofer::recv(buffered), gofer::recv(s));
      }
    });
    check(allocations_of([&] {
            a.send(1);
            b.recv();
          }) == 0,
          "send and receive allocate");
    check(allocations_of([&] { buffered.send(1); }) == 0, "a buffered send allocates");
    check(allocations_of([&] { s.send("short"); }) == 0, "a send of a string allocates");
    check(allocations_of([&] {
            gofer::select(gofer::send(many[0], 1), gofer::recv(many[1]), gofer::recv(many[2]), gofer::recv(many[3]));
            gofer::select(gofer::recv(many[0]), gofer::otherwise());
          }) == 0,
          "a select allocates");
    std::vector<gofer::select_case> cases;
    for (auto& c : many) cases.push_back(gofer::recv(c));
    check(allocations_of([&] {
            gofer::go([&] { many[7].send(1); });
            gofer::select(cases);
          }) == 0,
          "a dynamic select of 16 cases that waits allocates");
    // 1000 timers in one heap at a time would let it grow; one does not.
    check(allocations_of([&] { gofer::select(gofer::recv(many[3]), gofer::after(1us, [] {})); }) == 0,
          "a select with a time-out allocates");
    gofer::mutex mu;
    gofer::shared_mutex rw;
    gofer::condition_variable cv;
    gofer::binary_semaphore sem{0};
    check(allocations_of([&] {
            mu.lock();
            gofer::go([&] {
              const std::lock_guard hold(mu);
              cv.notify_one();
              sem.release();
            });
            std::unique_lock lock(mu, std::adopt_lock);
            cv.wait(lock);
            sem.acquire();
            const std::lock_guard hold(rw);
          }) == 0,
          "locks allocate");
    on = false;
    buffered.send(1);
    wg.wait();
  });
}

struct totals {
  std::atomic<std::uint64_t> sent{0}, sent_sum{0}, received{0}, received_sum{0};
};

std::uint64_t number(std::uint64_t v) { return v; }
std::uint64_t number(const std::string& v) { return std::stoull(v); }
template <class T>
T make(std::uint64_t v) {
  if constexpr (std::is_integral_v<T>) {
    return v;
  } else {
    return std::to_string(v);
  }
}

/// Everybody does everything to the same channels.
template <class T>
void load(std::mt19937_64& random, std::chrono::milliseconds length) {
  std::array<chan<T>, 4> c{chan<T>(0), chan<T>(0), chan<T>(1), chan<T>(7)};
  totals t;
  std::atomic<bool> stop{false};
  gofer::wait_group senders, receivers;
  const auto sent = [&](std::uint64_t v) { t.sent++, t.sent_sum += v; };
  const auto received = [&](const T& v) { t.received++, t.received_sum += number(v); };
  const auto sender = [&](std::uint64_t seed) {
    std::mt19937_64 r(seed);
    for (std::uint64_t v = 1; !stop; v++) {
      auto& x = c[r() % 4];
      auto& y = c[r() % 4];
      switch (r() % 5) {
        case 0:
          x.send(make<T>(v));
          sent(v);
          break;
        case 1:
          if (x.try_send(make<T>(v))) sent(v);
          break;
        case 2:
          if (x.try_send_for(make<T>(v), std::chrono::microseconds(r() % 50))) sent(v);
          break;
        case 3:
          gofer::select(gofer::send(x, make<T>(v), [&] { sent(v); }),
                        gofer::send(y, make<T>(v + 1), [&] { sent(v + 1); }));
          break;
        default:
          gofer::select(gofer::send(x, make<T>(v), [&] { sent(v); }),
                        gofer::recv(y, [&](std::optional<T> got) { received(*got); }),
                        gofer::after(std::chrono::microseconds(r() % 30), [] {}));
      }
    }
    senders.done();
  };
  const auto receiver = [&](std::uint64_t seed) {
    std::mt19937_64 r(seed);
    std::array<chan<T>, 4> open = c;
    int left = 4;
    const auto take = [&](std::size_t i) {
      return [&, i](std::optional<T> v) {
        if (v) {
          received(*v);
        } else {
          open[i] = nullptr;
          left--;
        }
      };
    };
    while (left > 0) {
      if (r() % 3 == 0) {
        T v;
        if (c[r() % 4].try_recv(v) == gofer::recv_status::ok) received(v);
      }
      gofer::select(gofer::recv(open[0], take(0)), gofer::recv(open[1], take(1)), gofer::recv(open[2], take(2)),
                    gofer::recv(open[3], take(3)));
    }
    receivers.done();
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 5; i++) {
    senders.add(1);
    receivers.add(1);
    if (i == 0) {
      threads.emplace_back(sender, random());
      threads.emplace_back(receiver, random());
    } else {
      gofer::go(sender, random());
      gofer::go(receiver, random());
    }
  }
  gofer::sleep(length);
  stop = true;
  senders.wait();
  for (auto& x : c) x.close();
  receivers.wait();
  for (auto& th : threads) th.join();
  check(t.sent == t.received, "values were lost or doubled");
  check(t.sent_sum == t.received_sum, "values were changed");
  check(t.sent > 0, "nothing was sent");
}

}  // namespace

int main(int argc, char** argv) {
  const double seconds = argc > 1 ? std::atof(argv[1]) : 2;
  const std::uint64_t seed = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : std::random_device{}();
  std::printf("seed %lu\n", static_cast<unsigned long>(seed));
  std::mt19937_64 random(seed);
  nothing_allocates();
  const auto until = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  do {
    for (const int procs : {1, 2, 4, 8}) {
      gofer::run(gofer::options{.maxprocs = procs}, [&] {
        load<std::uint64_t>(random, 60ms);
        load<std::string>(random, 60ms);
      });
    }
  } while (failures == 0 && std::chrono::steady_clock::now() < until);
  return failures == 0 ? 0 : 1;
}
