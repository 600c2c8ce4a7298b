// Everything at once, for as many seconds as the argument says: spawning, channels, select, mutexes, timers, blocking
// calls, goroutines that do not yield, panics, goexits, changes of GOMAXPROCS, network traffic, plain threads.
//
// Each kind of work keeps books; at the end they have to balance, and no goroutine may be left. A line every ten
// seconds says how far it is.
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <gofer/gofer.hpp>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;
using clk = std::chrono::steady_clock;

std::atomic<bool> stop{false};

// What went in and what came out.
struct book {
  const char* name;
  std::atomic<std::int64_t> in{0};
  std::atomic<std::int64_t> out{0};
};
book spawned{"goroutines"};
book sent{"values through channels"};
book locked{"critical sections"};
book slept{"sleeps"};
book blocked{"blocking calls"};
book panicked{"panics"};
book exited{"goexits"};
book echoed{"bytes echoed"};
book computed{"long computations"};
book* const books[] = {&spawned, &sent, &locked, &slept, &blocked, &panicked, &exited, &echoed, &computed};

void compute_for(std::chrono::microseconds d) {
  const auto until = clk::now() + d;
  while (clk::now() < until) {
  }
}

void spawn_trees(gofer::wait_group& wg, int depth) {
  spawned.in++;
  wg.go([&wg, depth] {
    if (depth > 0) {
      for (int i = 0; i < 3; i++) spawn_trees(wg, depth - 1);
    }
    spawned.out++;
  });
}

void spawner() {
  while (!stop) {
    gofer::wait_group wg;
    spawn_trees(wg, 4);
    wg.wait();
  }
}

void pipeline() {
  while (!stop) {
    gofer::chan<std::int64_t> a(0);
    gofer::chan<std::int64_t> b(7);
    gofer::chan<> quit(0);
    gofer::go([=]() mutable {
      for (std::int64_t v = 0; v < 200; v++) {
        sent.in++;
        gofer::select(gofer::send(a, v), gofer::send(b, v));
      }
      quit.close();
    });
    bool over = false;
    while (!over) {
      gofer::select(gofer::recv(a, [](auto) { sent.out++; }), gofer::recv(b, [](auto) { sent.out++; }),
                    gofer::recv(quit, [&](auto) { over = true; }));
    }
    b.close();
    while (b.recv()) sent.out++;
  }
}

struct guarded {
  gofer::mutex mu;
  std::int64_t count = 0;
};

void locker(guarded& g) {
  while (!stop) {
    locked.in++;
    const std::lock_guard hold(g.mu);
    g.count++;
    if (g.count % 64 == 0) gofer::gosched();
    if (g.count % 1024 == 0) gofer::sleep(10us);
  }
}

void sleeper(int n) {
  while (!stop) {
    slept.in++;
    const auto before = clk::now();
    const auto d = std::chrono::microseconds(n * 37 % 1500);
    gofer::sleep(d);
    if (clk::now() - before >= d) slept.out++;
    gofer::select(gofer::recv(gofer::chan<int>(0)), gofer::after(1us));
  }
}

void blocker() {
  while (!stop) {
    blocked.in++;
    gofer::blocking([] { std::this_thread::sleep_for(200us); });
    blocked.out++;
  }
}

// Longer than a time slice: its P is taken away.
void hog() {
  while (!stop) {
    computed.in++;
    compute_for(12ms);
    gofer::chan<int> c(1);
    c.send(1);
    if (c.recv() == 1) computed.out++;
    gofer::sleep(3ms);
  }
}

void panicker(int n) {
  while (!stop) {
    panicked.in++;
    gofer::func([&] {
      gofer::defer count{[&] {
        if (const auto p = gofer::recover(); p && *p.as<int>() == n) panicked.out++;
      }};
      gofer::mutex mu;
      const std::lock_guard hold(mu);
      gofer::defer pause{[] { gofer::gosched(); }};
      gofer::panic(n);
    });
    exited.in++;
    gofer::wait_group wg;
    wg.add(1);
    gofer::go([&] {
      gofer::defer done{[&] { wg.done(); }};
      gofer::defer count{[] { exited.out++; }};
      gofer::goexit();
    });
    wg.wait();
  }
}

void echo_server(gofer::net::listener listener) {
  for (;;) {
    auto [conn, err] = listener.accept();
    if (err) return;
    gofer::go([c = conn]() mutable {
      gofer::io::copy(c, c);
      c.close();
    });
  }
}

void echo_client(const std::string& address) {
  const std::string message(300, 'x');
  while (!stop) {
    auto conn = gofer::must(gofer::net::dial("tcp", address));
    for (int i = 0; i < 50; i++) {
      echoed.in += static_cast<std::int64_t>(message.size());
      gofer::must(conn.write(message));
      std::string got(message.size(), ' ');
      echoed.out += static_cast<std::int64_t>(gofer::must(gofer::io::read_full(conn, got)));
    }
    conn.close();
  }
}

// Threads that the runtime does not own feed it and are fed by it.
void plain_thread(gofer::chan<std::int64_t> in, gofer::chan<std::int64_t> out) {
  for (std::int64_t v = 0; !stop; v++) {
    sent.in++;
    in.send(v);
    if (out.recv()) sent.out++;
  }
  in.close();
}

void change_procs() {
  for (int i = 0; !stop; i++) {
    gofer::gomaxprocs(1 + i % 5);
    gofer::sleep(700us);
  }
  gofer::gomaxprocs(4);
}

void progress(clk::duration total) {
  const auto begin = clk::now();
  for (auto next = begin + 10s; clk::now() - begin < total;) {
    gofer::sleep(20ms);
    if (clk::now() < next) continue;
    next += 10s;
    std::printf("%5lld s:",
                static_cast<long long>(std::chrono::duration_cast<std::chrono::seconds>(clk::now() - begin).count()));
    for (const book* b : books) std::printf(" %lld %s;", static_cast<long long>(b->in.load()), b->name);
    std::printf("\n");
    std::fflush(stdout);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const int seconds = argc > 1 ? std::atoi(argv[1]) : 2;
  guarded g;
  int bad = gofer::run({.maxprocs = 4}, [&] {
    auto listener = gofer::must(gofer::net::listen("tcp", "127.0.0.1:0"));
    gofer::go(echo_server, listener);
    const std::string address = listener.addr().str();

    gofer::chan<std::int64_t> to(0);
    gofer::chan<std::int64_t> from(0);
    gofer::go([=]() mutable {
      for (const std::int64_t v : to) from.send(v);
    });
    std::thread plain(plain_thread, to, from);

    gofer::wait_group wg;
    for (int i = 0; i < 2; i++) {
      wg.go(spawner);
      wg.go(pipeline);
      wg.go(pipeline);
      wg.go([&] { locker(g); });
      wg.go([&] { locker(g); });
      wg.go(blocker);
      wg.go(blocker);
      wg.go(hog);
      wg.go([i] { panicker(i); });
      wg.go([i] { panicker(i + 2); });
      wg.go([&] { echo_client(address); });
      for (int k = 0; k < 8; k++) wg.go([k] { sleeper(k); });
    }
    wg.go(change_procs);
    progress(std::chrono::seconds(seconds));
    stop = true;
    wg.wait();
    plain.join();
    listener.close();
    const std::string left = gofer::shutdown(30s);
    std::fputs(left.c_str(), stdout);
    return left.empty() ? 0 : 1;
  });
  locked.out = g.count;
  for (const book* b : books) {
    std::printf("%12lld %s\n", static_cast<long long>(b->in.load()), b->name);
    if (b->in == b->out) continue;
    std::printf("%12lld came out\n", static_cast<long long>(b->out.load()));
    bad = 1;
  }
  return bad;
}
