// Blocking calls, goroutines that keep their P for long, and sysmon that takes it.
#include <gofer/time.hpp>

#include "instance.hpp"
#include "sched/clock.hpp"
#include "sched/keep_p.hpp"
#include "sched/relax.hpp"
#include "sched/retake.hpp"

namespace gofer::explore {
namespace {

SCENARIO(syscall, "two goroutines in and out of short calls on one P, and a third one") {
  run(1, [] {
    latch done(3);
    begin();
    for (int i = 0; i < 2; i++) {
      go([&] {
        sched::entersyscall();
        sched::cpu_relax();
        sched::exitsyscall();
        done.done();
      });
    }
    go([&] {
      sched::gosched();
      done.done();
    });
    done.wait();
  });
}

SCENARIO(syscall_long, "a call that ends only when another goroutine has run on the same P") {
  run(1, [] {
    latch done(2);
    sched::note ran;
    begin();
    go([&] {
      sched::entersyscall();
      ran.sleep();
      sched::exitsyscall();
      done.done();
    });
    go([&] {
      ran.wakeup();
      done.done();
    });
    done.wait();
  });
}

// Goroutine 1 uses its P in every way while somebody asks for it all the time.
void busy_while_robbed(int procs) {
  sched::force_preempt_ns.store(0);
  sysmon_sleeps();  // there is but one that takes
  run(procs, [] {
    sched::schedt* s = sched::the_sched.load();
    event waits[3];
    latch done(4);
    go([&] { done.done(); });
    for (event& w : waits) {
      go([&] {
        w.wait();
        done.done();
      });
    }
    sched::retake(s, sched::nanotime());  // the first look, which takes nothing
    spawn("robber", [s] {
      for (int i = 0; i < 3; i++) sched::retake(s, sched::nanotime() + i);
    });
    begin();
    for (event& w : waits) w.set();
    go([] {});
    sched::gosched();
    done.wait();
  });
  join_all();
}

SCENARIO(theft1, "the only P is taken from a goroutine that readies, starts and yields") { busy_while_robbed(1); }
SCENARIO(theft2, "as theft1, on two Ps") { busy_while_robbed(2); }

SCENARIO(theft_again, "a P is asked for again while its thread settles the question before") {
  sched::force_preempt_ns.store(0);
  sysmon_sleeps();
  run(1, [] {
    sched::schedt* s = sched::the_sched.load();
    latch done(1);
    go([&] { done.done(); });  // somebody who waits
    sched::retake(s, sched::nanotime());
    bool all_asked = false;
    spawn("robber", [s, &all_asked] {
      for (int i = 0; i < 3; i++) sched::retake(s, sched::nanotime() + i);
      all_asked = true;
    });
    begin();
    for (int i = 0; i < 3; i++) {
      sched::m* mp = sched::getm();
      const sched::keep_p keep(mp);
      sched::p* pp = mp->pp;
      if (pp == nullptr) continue;
      // As at a switch.
      pp->schedtick.store(pp->schedtick.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
      EXPLORE_CHECK(mp->pp == pp && pp->mp.load() == mp);
    }
    while (!all_asked) sched::cpu_relax();
    end();
    done.wait();
  });
  join_all();
}

SCENARIO(theft_timer,
         "the only P is taken from a goroutine that looks at a timer, which is due at the worker that gets it") {
  sched::force_preempt_ns.store(0);
  sysmon_sleeps();
  run(1, [] {
    sched::schedt* s = sched::the_sched.load();
    latch done(1);
    const timer t(std::chrono::nanoseconds(0));
    go([&] {
      sched::gosched();
      done.done();
    });
    sched::retake(s, sched::nanotime());
    spawn("robber", [s] {
      for (int i = 0; i < 3; i++) sched::retake(s, sched::nanotime() + i);
    });
    begin();
    for (int i = 0; i < 3; i++) {
      time_point tick;
      t.c().try_recv(tick);
      t.reset(std::chrono::nanoseconds(0));
    }
    t.stop();
    done.wait();
  });
  join_all();
}

SCENARIO(theft_syscall, "a P is taken from a goroutine that goes in and out of calls") {
  sched::force_preempt_ns.store(0);
  sysmon_sleeps();  // there is but one that takes
  run(1, [] {
    sched::schedt* s = sched::the_sched.load();
    latch done(1);
    sched::retake(s, sched::nanotime());
    spawn("robber", [s] {
      for (int i = 0; i < 3; i++) sched::retake(s, sched::nanotime() + i);
    });
    begin();
    go([&] { done.done(); });
    for (int i = 0; i < 2; i++) {
      sched::entersyscall();
      sched::exitsyscall();
    }
    done.wait();
  });
  join_all();
}

SCENARIO(hog, "a goroutine that computes until another one has run, on one P") {
  sched::force_preempt_ns.store(10'000);
  run(1, [] {
    sched::atomic<bool> ran{false};
    latch done(2);
    begin();
    go([&] {
      while (!ran.load()) sched::cpu_relax();
      done.done();
    });
    go([&] {
      ran.store(true);
      done.done();
    });
    done.wait();
  });
}

}  // namespace
}  // namespace gofer::explore
