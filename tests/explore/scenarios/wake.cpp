// The wake-up protocol, park and ready, with the whole scheduler.
#include <array>

#include "instance.hpp"
#include "sched/clock.hpp"
#include "sched/timer.hpp"

namespace gofer::explore {
namespace {

SCENARIO(ping_pong, "two goroutines ready each other in turn on two Ps") {
  run(2, [] {
    event ping[2], pong[2];
    latch done(2);
    begin();
    go([&] {
      for (int i = 0; i < 2; i++) {
        ping[i].wait();
        pong[i].set();
      }
      done.done();
    });
    go([&] {
      for (int i = 0; i < 2; i++) {
        ping[i].set();
        pong[i].wait();
      }
      done.done();
    });
    done.wait();
  });
}

SCENARIO(outside, "two plain threads ready goroutines that have parked, or are about to") {
  event first, second;
  spawn("plain", [&] { first.set(); });
  spawn("plain", [&] { second.set(); });
  run(2, [&] {
    latch done(2);
    begin();
    go([&] {
      first.wait();
      done.done();
    });
    go([&] {
      second.wait();
      done.done();
    });
    done.wait();
  });
  join_all();
}

SCENARIO(tree, "goroutines start goroutines on three Ps") {
  run(3, [] {
    latch done(6);
    begin();
    for (int i = 0; i < 2; i++) {
      go([&] {
        for (int k = 0; k < 2; k++) go([&] { done.done(); });
        done.done();
      });
    }
    done.wait();
  });
}

SCENARIO(hand_over, "one makes work and goes on for long: whoever is idle has to take it") {
  run(2, [] {
    begin();
    for (int i = 0; i < 2; i++) {
      // This goroutine keeps its P until the other one has run elsewhere.
      sched::note ran;
      go([&] { ran.wakeup(); });
      ran.sleep();
    }
  });
}

SCENARIO(all_at_once, "as many goroutines as Ps, each of which keeps its P until all of them run") {
  run(3, [] {
    sched::atomic<std::uint32_t> missing{3};
    const auto meet = [&] {
      missing.fetch_sub(1);
      sched::futex_wake(&missing, 3);
      while (const std::uint32_t left = missing.load()) sched::futex_wait(&missing, left);
    };
    begin();
    go(meet);
    go(meet);
    meet();
    end();
  });
}

SCENARIO(yield, "goroutines that yield all the time, on two Ps") {
  run(2, [] {
    latch done(3);
    begin();
    for (int i = 0; i < 3; i++) {
      go([&] {
        sched::gosched();
        sched::gosched();
        done.done();
      });
    }
    done.wait();
  });
}

SCENARIO(timers, "goroutines sleep, for long and for a moment, on two Ps") {
  run(2, [] {
    latch done(3);
    begin();
    go([] { sleep_for(hour); });
    for (const std::int64_t ns : {30'000, 10'000, 20'000}) {
      go([&, ns] {
        sleep_for(ns);
        done.done();
      });
    }
    done.wait();
  });
}

SCENARIO(timer_outside, "a plain thread arms timers while all workers go to sleep") {
  run(2, [] {
    latch done(1);
    begin();
    go([] { sleep_for(hour); });
    spawn("plain", [] {
      sleep_for(50'000);
      sleep_for(10'000);
    });
    go([&] {
      sleep_for(100'000);
      done.done();
    });
    done.wait();
  });
}

SCENARIO(breaks,
         "timers that are due earlier and earlier, armed by two plain threads while a worker waits in the poller") {
  run(1, [] {
    latch done(2);
    std::array<sched::timer, 6> timers;
    go([] { sleep_for(hour); });
    begin();
    for (std::size_t t = 0; t < 2; t++) {
      spawn("plain", [&, t] {
        for (std::size_t i = 0; i < 3; i++) {
          sched::timer& at = timers[2 * i + t];
          at.arg = &done;
          at.f = [](sched::timer*, void*) {};
          if (i == 2) at.f = [](sched::timer*, void* arg) { static_cast<latch*>(arg)->done(); };
          sched::timer_start(&at, sched::nanotime() + hour / static_cast<std::int64_t>(2 + 2 * i + t));
        }
      });
    }
    done.wait();
    end();
    for (sched::timer& t : timers) sched::timer_stop(&t);
  });
}

SCENARIO(timer_ready, "a timer fires while its sleeper's partner makes other work") {
  run(2, [] {
    latch done(2);
    event e;
    begin();
    go([] { sleep_for(hour); });
    go([&] {
      sleep_for(1'000);
      e.set();
      done.done();
    });
    go([&] {
      e.wait();
      sleep_for(1'000);
      go([&] { done.done(); });
    });
    done.wait();
  });
}

SCENARIO(locked, "a goroutine that is bound to its thread, and others") {
  run(2, [] {
    event a, b;
    latch done(2);
    begin();
    go([&] {
      sched::lock_os_thread();
      const sched::m* mine = sched::getm();
      a.wait();
      EXPLORE_CHECK(sched::getm() == mine);
      b.set();
      sched::gosched();
      EXPLORE_CHECK(sched::getm() == mine);
      sched::unlock_os_thread();
      done.done();
    });
    go([&] {
      a.set();
      b.wait();
      done.done();
    });
    done.wait();
  });
}

}  // namespace
}  // namespace gofer::explore
