// A queue of a mutex and two conditions, a cache behind a readers-writer lock whose values are made once, and what the
// things of sync say of themselves; at the end one of the misuses that nobody recovers from.
#include <algorithm>
#include <atomic>
#include <cctype>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <vector>

#include "go.hpp"

using conformance::println;
using conformance::sprint;

struct queue {
  gofer::mutex mu;
  gofer::condition_variable not_empty;
  gofer::condition_variable not_full;
  std::deque<int> items;
  bool closed = false;

  void put(int v) {
    std::unique_lock lock(mu);
    while (items.size() == 3) not_full.wait(lock);
    if (closed) gofer::panic("put on closed queue");
    items.push_back(v);
    not_empty.notify_one();
  }

  std::optional<int> take() {
    std::unique_lock lock(mu);
    while (items.empty() && !closed) not_empty.wait(lock);
    if (items.empty()) return std::nullopt;
    const int v = items.front();
    items.pop_front();
    not_full.notify_one();
    return v;
  }

  void close() {
    {
      const std::lock_guard hold(mu);
      closed = true;
    }
    not_empty.notify_all();
  }
};

struct entry {
  gofer::once once;
  std::string value;
};

struct cache {
  gofer::shared_mutex mu;
  std::atomic<int> made{0};
  std::map<std::string, std::unique_ptr<entry>> items;

  entry* find(const std::string& key) {
    const auto at = items.find(key);
    return at == items.end() ? nullptr : at->second.get();
  }

  std::string get(const std::string& key) {
    entry* e = nullptr;
    {
      const std::shared_lock hold(mu);
      e = find(key);
    }
    if (e == nullptr) {
      const std::lock_guard hold(mu);
      auto& slot = items[key];
      if (slot == nullptr) slot = std::make_unique<entry>();
      e = slot.get();
    }
    call_once(e->once, [&] {
      made++;
      std::transform(key.begin(), key.end(), std::back_inserter(e->value),
                     [](unsigned char c) { return std::toupper(c); });
    });
    return e->value;
  }
};

template <class F>
void attempt(const char* name, F f) {
  gofer::func([&] {
    gofer::defer d{[&] {
      if (const auto p = gofer::recover()) {
        println(name, "panicked:", p);
        return;
      }
      println(name, "returned");
    }};
    f();
  });
}

int main() {
  return gofer::run([] {
    queue q;
    gofer::wait_group producers;
    gofer::wait_group consumers;
    std::atomic<long> sum{0};
    for (int c = 0; c < 4; c++) {
      consumers.go([&] {
        while (const auto v = q.take()) sum += *v;
      });
    }
    for (int p = 0; p < 3; p++) {
      producers.go([&, p] {
        for (int i = 0; i < 200; i++) q.put(p * 200 + i);
      });
    }
    producers.wait();
    q.close();
    consumers.wait();
    println("sum", sum.load());
    attempt("put", [&] { q.put(1); });
    println("lock free", q.mu.try_lock());
    q.mu.unlock();

    cache c;
    gofer::wait_group wg;
    gofer::mutex mu;
    std::map<std::string, int> seen;
    for (int g = 0; g < 8; g++) {
      wg.go([&] {
        for (const char* key : {"red", "green", "blue"}) {
          const std::string v = c.get(key);
          const std::lock_guard hold(mu);
          seen[v]++;
        }
      });
    }
    wg.wait();
    std::string keys;
    for (const auto& [k, n] : seen) keys += (keys.empty() ? "" : ", ") + sprint(k, " ", n);
    println(keys, "made", c.made.load());

    gofer::once once;
    attempt("once", [&] { call_once(once, [] { gofer::panic("first"); }); });
    attempt("once again", [&] { call_once(once, [] { gofer::panic("second"); }); });

    gofer::wait_group group;
    attempt("wait of nothing", [&] { group.wait(); });
    attempt("negative", [&] { group.done(); });
    gofer::shared_mutex rw;
    rw.lock_shared();
    {
      const bool shared = rw.try_lock_shared();
      println("shared:", shared, rw.try_lock());
    }
    rw.unlock_shared();
    rw.unlock_shared();
    {
      const bool first = rw.try_lock();
      const bool shared = rw.try_lock_shared();
      println("free:", first, shared, rw.try_lock());
    }
    rw.unlock();
    rw.unlock_shared();
  });
}
