// What the tests of channels, select and sync share.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <gofer/chan.hpp>
#include <gofer/defer.hpp>
#include <gofer/panic.hpp>
#include <gofer/runtime.hpp>
#include <gofer/time.hpp>
#include <string>

#include "runtime/hchan.hpp"
#include "runtime/sema.hpp"

namespace chan_test {

using namespace std::chrono_literals;

/// The body as main goroutine at GOMAXPROCS 1, 2, 4 and 8.
inline void sweep(const std::function<void()>& body) {
  for (const int procs : {1, 2, 4, 8}) {
    SCOPED_TRACE(procs);
    gofer::run(gofer::options{.maxprocs = procs}, body);
  }
}

/// The text of the runtime_error that f panics with; "no panic" or "another panic".
inline std::string runtime_error_of(const std::function<void()>& f) {
  return gofer::func([&](std::string& text) {
    gofer::defer d{[&] {
      if (const gofer::panic_value p = gofer::recover()) {
        const auto* e = p.as<gofer::runtime_error>();
        text = e != nullptr ? e->what() : "another panic: " + p.what();
      }
    }};
    text = "no panic";
    f();
  });
}

/// Until condition() is true; gives up, and fails, after a time that is only ever waited for when something is wrong.
template <class Condition>
void eventually(Condition condition) {
  const auto deadline = std::chrono::steady_clock::now() + 20s;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) {
      ADD_FAILURE() << "waited in vain";
      return;
    }
    gofer::sleep(50us);
  }
}

template <class T>
gofer::runtime::hchan* inside(const gofer::chan<T>& c) {
  return gofer::runtime::full(gofer::detail::chan_access::ref(c).get());
}

template <class T>
std::size_t receivers_waiting(const gofer::chan<T>& c) {
  auto* h = inside(c);
  h->lock(gofer::sched::wait_reason::chan_receive);
  const std::size_t n = h->recvq.length();
  h->unlock();
  return n;
}

template <class T>
std::size_t senders_waiting(const gofer::chan<T>& c) {
  auto* h = inside(c);
  h->lock(gofer::sched::wait_reason::chan_send);
  const std::size_t n = h->sendq.length();
  h->unlock();
  return n;
}

/// How many sleep on an address.
inline std::size_t sleepers(const void* key) {
  auto& root = gofer::runtime::semroot_of(key);
  root.lock.lock();
  std::size_t n = 0;
  for (auto* w = root.first(key); w != nullptr; w = w->next) n++;
  root.lock.unlock();
  return n;
}

}  // namespace chan_test
