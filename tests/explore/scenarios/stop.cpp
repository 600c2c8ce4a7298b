// GOMAXPROCS and the end of a run while others go on.
#include "instance.hpp"

namespace gofer::explore {
namespace {

SCENARIO(gomaxprocs, "GOMAXPROCS goes down and up while goroutines run") {
  run(2, [] {
    latch done(4);
    begin();
    const int changes = spawn("plain", [] {
      sched::gomaxprocs(1);
      sched::gomaxprocs(3);
      sched::gomaxprocs(1);
    });
    for (int i = 0; i < 4; i++) {
      go([&] {
        sched::gosched();
        done.done();
      });
    }
    done.wait();
    (void)changes;
  });
  join_all();
}

SCENARIO(stop, "main returns while others run, yield, sleep and are readied; then another run") {
  event from_outside;
  begin();
  const int plain = spawn("plain", [&] { from_outside.set(); });
  run(2, [&] {
    go([&] { from_outside.wait(); });
    go([] {
      for (int i = 0; i < 20; i++) sched::gosched();
    });
    go([] { sleep_for(1'000); });
    sched::gosched();
  });
  bool ran = false;
  run(2, [&] {
    latch done(2);
    go([&] { done.done(); });
    go([&] {
      ran = true;
      done.done();
    });
    done.wait();
  });
  EXPLORE_CHECK(ran);
  join(plain);
}

SCENARIO(run_after_go, "run begins while the only goroutine that was started before it ends") {
  start(1);
  go([] {});
  begin();
  // Neither "all goroutines are asleep" nor a sleep without end.
  run(1, [] {});
}

SCENARIO(deadlock, "main blocks for ever: that is reported, whoever goes idle last") {
  start(1);
  go([] {});
  expect_exit(2);
  begin();
  run(1, [] {
    event never;
    never.wait();
  });
}

SCENARIO(left_over, "a goroutine outlives its run: what it starts belongs to that") {
  sched::note reached, over;
  bool started = false;
  run(2, [&] {
    go([&] {
      reached.wakeup();
      over.sleep();
      go([&] { started = true; });
      sleep_for(1'000);
      fail("a goroutine of a run that is over was scheduled");
    });
    begin();
    reached.sleep();
  });
  over.wakeup();
  run(1, [] {
    for (int i = 0; i < 3; i++) sched::gosched();
  });
  join_all();
  EXPLORE_CHECK(!started);
  EXPLORE_CHECK(sched::the_sched.load() == nullptr);
}

}  // namespace
}  // namespace gofer::explore
