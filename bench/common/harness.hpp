// The same work for every runtime that is compared: PROGRAM BENCH WORKERS [N] prints lines "name value unit".
//
// One benchmark is one process: in a common one the second would find the first one's threads, pooled stacks and heap,
// and the memory figures would mean nothing. N is the number of operations and has a default that takes about a second.
// Each figure is of the whole of the work, waiting for its end included, and what was computed is checked: work that
// was lost or done twice is no result. bench/peers/go is the same program in Go; the two must be changed together.
//
// A runtime joins by an adapter R, whose last lines may be left out:
//   run(workers, f)                     f on the runtime, with so many threads
//   spawn(f), yield(), sleep(d)
//   channel                             a handle: channel(capacity), send(int64), recv()
//   wait_group, mutex                   add, done, wait; lock, unlock
//   recv_any(channels)                  from whichever of four channels has something: select
//   channel's close()                   wakes all receivers
//   workers()                           threads; said only where what computes without end is interrupted
//   timer                               timer(d), reset(d), stop()
//   context_tree                        context_tree(n): a root, a hundred children, the rest below them; cancel(),
//                                       live()
//   echo(workers, port)                 a server that sends back what it gets, for ever
//   http(workers, port)                 one that answers hello
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "common/growth.hpp"
#include "common/measure.hpp"

namespace bench {

template <class R>
class program {
 public:
  /// The whole of main(). Exit status 2 and one line for wrong arguments, and for what R does not have.
  static int main(int argc, char** argv) {
    static constexpr entry table[] = {
        {"switch", 5'000'000, &yields},
        {"spawn1", 1'000'000, &spawn_one},
        {"spawn1000", 1'000'000, &spawn_many},
        {"pingpong", 1'000'000, &ping_pong},
        {"buf128", 10'000'000, &buffered},
        {"mpmc", 4'000'000, &mpmc},
        {"select4", 2'000'000, only_if<selects>([](auto self) { return &decltype(self)::selecting; })},
        {"mutex1", 50'000'000, &lock},
        {"mutex8", 4'000'000, &contended},
        {"mutex8y", 1'000'000, &held},
        {"wg4", 10'000'000, &counting},
        {"timer", 5'000'000, only_if<has_timers>([](auto self) { return &decltype(self)::resetting; })},
        {"ctxtree", 100'000, only_if<has_contexts>([](auto self) { return &decltype(self)::cancelling; })},
        {"skynet", 1'000'000, &skynet_root},
        {"sleep", 100'000, &sleepers},
        {"ticks", 3'000, only_if<preempts>([](auto self) { return &decltype(self)::ticking; })},
        {"mem", 1'000'000, &parked},
        {"growth_goroutines", 1000, only_if<closes>([](auto) { return &growth<R>::goroutines; })},
        {"growth_timers", 1000, only_if<has_timers>([](auto) { return &growth<R>::timers; })},
        {"growth_waiters", 1000, only_if<closes>([](auto) { return &growth<R>::waiters; })},
    };
    arguments asked;
    if (!asked.read(argc, argv)) return no_such_bench;
    if constexpr (serves_echo) {
      if (asked.bench == "echo") return R::echo(asked.workers, static_cast<std::uint16_t>(asked.n));
    }
    if constexpr (serves_http) {
      if (asked.bench == "http") return R::http(asked.workers, static_cast<std::uint16_t>(asked.n));
    }
    for (const entry& e : table) {
      if (e.name != asked.bench || e.work == nullptr) continue;
      R::run(asked.workers, [&] { e.work(asked.n != 0 ? asked.n : e.n); });
      return 0;
    }
    std::fprintf(stderr, "%s: there is no benchmark %s; there are", argv[0], argv[1]);
    for (const entry& e : table) {
      if (e.work != nullptr) std::fprintf(stderr, " %s", e.name.data());
    }
    std::fprintf(stderr, "%s%s\n", serves_echo ? " echo" : "", serves_http ? " http" : "");
    return no_such_bench;
  }

 private:
  using channel = typename R::channel;
  using wait_group = typename R::wait_group;
  using work_function = void (*)(std::int64_t n);

  struct entry {
    std::string_view name;
    std::int64_t n;
    work_function work;  // none: R cannot
  };

  static constexpr bool selects = requires(const channel (&from)[4]) { R::recv_any(from); };
  static constexpr bool closes = requires(const channel& c) { c.close(); };
  static constexpr bool has_timers = requires { typename R::timer; };
  static constexpr bool has_contexts = requires { typename R::context_tree; };
  static constexpr bool preempts = requires { R::workers(); };
  static constexpr bool serves_echo = requires { R::echo(1, std::uint16_t{1}); };
  static constexpr bool serves_http = requires { R::http(1, std::uint16_t{1}); };

  /// What `function` names, which is looked at only if R can.
  template <bool can, class F>
  static constexpr work_function only_if(F function) {
    if constexpr (can) {
      return function(program{});
    } else {
      return nullptr;
    }
  }

  /// Two goroutines that do nothing but let each other run.
  static void yields(std::int64_t n) {
    wait_group wg;
    wg.add(2);
    const stopwatch time;
    for (int i = 0; i < 2; i++) {
      R::spawn([&wg, n] {
        for (std::int64_t k = 0; k < n; k++) R::yield();
        wg.done();
      });
    }
    wg.wait();
    print("switch", time.ns_per(2 * n), "ns/yield");
  }

  /// One after the other: started, waited for.
  static void spawn_one(std::int64_t n) {
    wait_group wg;
    const stopwatch time;
    for (std::int64_t i = 0; i < n; i++) {
      wg.add(1);
      R::spawn([&wg] { wg.done(); });
      wg.wait();
    }
    print("spawn1", time.ns_per(n), "ns/task");
  }

  /// A thousand started, all of them waited for.
  static void spawn_many(std::int64_t n) {
    const std::int64_t batches = n < 1000 ? 1 : n / 1000;
    wait_group wg;
    const stopwatch time;
    for (std::int64_t b = 0; b < batches; b++) {
      wg.add(1000);
      for (int i = 0; i < 1000; i++) R::spawn([&wg] { wg.done(); });
      wg.wait();
    }
    print("spawn1000", time.ns_per(batches * 1000), "ns/task");
  }

  /// There and back over two unbuffered channels.
  static void ping_pong(std::int64_t n) {
    channel there(0);
    channel back(0);
    std::int64_t sum = 0;
    wait_group wg;
    wg.add(2);
    const stopwatch time;
    R::spawn([&, n] {
      for (std::int64_t i = 0; i < n; i++) {
        there.send(i);
        sum += back.recv();
      }
      wg.done();
    });
    R::spawn([&, n] {
      for (std::int64_t i = 0; i < n; i++) back.send(there.recv());
      wg.done();
    });
    wg.wait();
    expect(sum == sum_below(n), "pingpong");
    print("pingpong", time.ns_per(n), "ns/roundtrip");
  }

  /// One producer, one consumer, 128 places between them.
  static void buffered(std::int64_t n) {
    channel c(128);
    std::int64_t sum = 0;
    wait_group wg;
    wg.add(2);
    const stopwatch time;
    R::spawn([&, n] {
      for (std::int64_t i = 0; i < n; i++) c.send(i);
      wg.done();
    });
    R::spawn([&, n] {
      for (std::int64_t i = 0; i < n; i++) sum += c.recv();
      wg.done();
    });
    wg.wait();
    expect(sum == sum_below(n), "buf128");
    print("buf128", time.ns_per(n), "ns/item");
  }

  /// Four producers and four consumers on one channel.
  static void mpmc(std::int64_t n) {
    const std::int64_t each = n < 4 ? 1 : n / 4;
    channel c(128);
    std::atomic<std::int64_t> sum{0};
    wait_group wg;
    wg.add(8);
    const stopwatch time;
    for (int i = 0; i < 4; i++) {
      R::spawn([&, each] {
        for (std::int64_t k = 0; k < each; k++) c.send(k);
        wg.done();
      });
      R::spawn([&, each] {
        std::int64_t mine = 0;
        for (std::int64_t k = 0; k < each; k++) mine += c.recv();
        sum += mine;
        wg.done();
      });
    }
    wg.wait();
    expect(sum == 4 * sum_below(each), "mpmc");
    print("mpmc", time.ns_per(4 * each), "ns/item");
  }

  /// Four producers, each with an unbuffered channel of his own, and one who selects over them.
  static void selecting(std::int64_t n) {
    const std::int64_t each = n < 4 ? 1 : n / 4;
    channel from[] = {channel(0), channel(0), channel(0), channel(0)};
    std::int64_t sum = 0;
    wait_group wg;
    wg.add(5);
    const stopwatch time;
    for (int i = 0; i < 4; i++) {
      R::spawn([&, each, i] {
        for (std::int64_t k = 0; k < each; k++) from[i].send(k);
        wg.done();
      });
    }
    R::spawn([&, each] {
      for (std::int64_t k = 0; k < 4 * each; k++) sum += R::recv_any(from);
      wg.done();
    });
    wg.wait();
    expect(sum == 4 * sum_below(each), "select4");
    print("select4", time.ns_per(4 * each), "ns/item");
  }

  /// Eight want it all the time; `inside` is done with it held.
  template <class F>
  static void lock_by_eight(const char* name, std::int64_t n, F inside) {
    const std::int64_t each = n < 8 ? 1 : n / 8;
    typename R::mutex mu;
    std::int64_t count = 0;
    wait_group wg;
    wg.add(8);
    const stopwatch time;
    for (int i = 0; i < 8; i++) {
      R::spawn([&, each] {
        for (std::int64_t k = 0; k < each; k++) {
          mu.lock();
          count++;
          inside();
          mu.unlock();
        }
        wg.done();
      });
    }
    wg.wait();
    expect(count == 8 * each, name);
    print(name, time.ns_per(8 * each), "ns/op");
  }
  static void contended(std::int64_t n) {
    lock_by_eight("mutex8", n, [] {});
  }
  static void held(std::int64_t n) {
    lock_by_eight("mutex8y", n, [] { R::yield(); });
  }

  /// Four goroutines that count up and down.
  static void counting(std::int64_t n) {
    const std::int64_t each = n < 4 ? 1 : n / 4;
    wait_group counted;
    wait_group wg;
    wg.add(4);
    const stopwatch time;
    for (int i = 0; i < 4; i++) {
      R::spawn([&, each] {
        for (std::int64_t k = 0; k < each; k++) {
          counted.add(1);
          counted.done();
        }
        wg.done();
      });
    }
    wg.wait();
    counted.wait();
    print("wg4", time.ns_per(4 * each), "ns/pair");
  }

  /// A timer that is put off again and again, as a connection's deadline is.
  static void resetting(std::int64_t n) {
    typename R::timer t(std::chrono::hours(1));
    const stopwatch time;
    for (std::int64_t i = 0; i < n; i++) t.reset(std::chrono::hours(1));
    print("timer", time.ns_per(n), "ns/reset");
    t.stop();
  }

  /// A tree of n contexts: made, cancelled at its root.
  static void cancelling(std::int64_t n) {
    const stopwatch time;
    typename R::context_tree tree(n);
    print("ctxtree_make", time.ns_per(n), "ns/context");
    const stopwatch cancel;
    tree.cancel();
    print("ctxtree_cancel", cancel.ns_per(n), "ns/context");
    expect(tree.live() == 0, "ctxtree");
  }

  /// Nobody else wants it.
  static void lock(std::int64_t n) {
    typename R::mutex mu;
    std::int64_t count = 0;
    const stopwatch time;
    for (std::int64_t i = 0; i < n; i++) {
      mu.lock();
      count++;
      asm volatile("" : "+m"(count));
      mu.unlock();
    }
    expect(count == n, "mutex1");
    print("mutex1", time.ns_per(n), "ns/op");
  }

  /// A tree of goroutines, ten children to a node; its leaves send their numbers up, every node the sum of its
  /// children.
  static void skynet(const channel& up, std::int64_t first, std::int64_t size) {
    if (size < 10) {
      up.send(first);
      return;
    }
    const channel children(0);
    for (std::int64_t i = 0; i < 10; i++) {
      R::spawn([children, first, size, i] { skynet(children, first + i * (size / 10), size / 10); });
    }
    std::int64_t sum = 0;
    for (int i = 0; i < 10; i++) sum += children.recv();
    up.send(sum);
  }

  /// n leaves, rounded down to a power of ten.
  static void skynet_root(std::int64_t n) {
    std::int64_t leaves = 1;
    while (leaves * 10 <= n) leaves *= 10;
    const channel result(0);
    const stopwatch time;
    R::spawn([result, leaves] { skynet(result, 0, leaves); });
    const std::int64_t sum = result.recv();
    const double ms = time.ms();
    expect(sum == sum_below(leaves), "skynet");
    print("skynet", ms, "ms");
    print("skynet_rss", peak_bytes() / 1048576, "MB");
  }

  /// n goroutines that sleep a millisecond ten times each.
  static void sleepers(std::int64_t n) {
    wait_group wg;
    wg.add(static_cast<int>(n));
    const double cpu_before = cpu_ms();
    const stopwatch time;
    for (std::int64_t i = 0; i < n; i++) {
      R::spawn([&wg] {
        for (int k = 0; k < 10; k++) R::sleep(std::chrono::milliseconds(1));
        wg.done();
      });
    }
    wg.wait();
    print("sleep_total", time.ms(), "ms");
    print("sleep_cpu", cpu_ms() - cpu_before, "cpu-ms");
  }

  /// One that sleeps a millisecond, n times, beside two on every worker that compute without end: how long that takes.
  static void ticking(std::int64_t n) {
    const int hogs = 2 * static_cast<int>(R::workers());
    std::atomic<bool> stop{false};
    wait_group wg;
    wg.add(hogs);
    for (int i = 0; i < hogs; i++) {
      R::spawn([&] {
        while (!stop.load(std::memory_order_relaxed)) {
        }
        wg.done();
      });
    }
    std::vector<double> took;
    for (std::int64_t i = 0; i < n; i++) {
      const stopwatch time;
      R::sleep(std::chrono::milliseconds(1));
      took.push_back(time.ms());
    }
    stop = true;
    wg.wait();
    std::sort(took.begin(), took.end());
    const auto at = [&](double part) { return took[static_cast<std::size_t>(part * static_cast<double>(n - 1))]; };
    print("tick_p50", at(0.5), "ms");
    print("tick_p99", at(0.99), "ms");
    print("tick_p999", at(0.999), "ms");
  }

  /// n goroutines parked on a channel at once. They stay so: the process ends.
  static void parked(std::int64_t n) {
    channel gate(0);
    wait_group started;
    started.add(static_cast<int>(n));
    const double before = resident_bytes();
    const stopwatch time;
    for (std::int64_t i = 0; i < n; i++) {
      R::spawn([&] {
        started.done();
        gate.recv();
      });
    }
    started.wait();
    const double ns = time.ns_per(n);
    // On several threads the last ones may have said that they run, but not be parked yet: a few of n.
    print("mem_rss", (resident_bytes() - before) / static_cast<double>(n), "B/goroutine");
    print("mem_create", ns, "ns/goroutine");
    std::_Exit(0);
  }
};

}  // namespace bench
