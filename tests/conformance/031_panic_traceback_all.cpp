// With the traceback level "all" the other goroutines follow the panicking one, each with its wait reason and its
// creator.
//
// differs: Go sets the level with debug.SetTraceback, gofer by an option of run; and where Go's program
// makes one variable refer to three channels in turn, which is a data race, there are three variables here.
#include <chrono>
#include <mutex>

#include "go.hpp"

using conformance::println;
using namespace std::chrono_literals;

namespace {

auto select_c = gofer::make_chan<int>(0);
auto recv_c = gofer::make_chan<int>(0);
auto send_c = gofer::make_chan<int>(0);
gofer::chan<int> nilc;
gofer::mutex mu;
gofer::shared_mutex rw;
gofer::wait_group wg;
gofer::mutex cond_mu;
gofer::condition_variable cond;

void recv_it() { recv_c.recv(); }
void send_it() { send_c.send(1); }
void select_it() { gofer::select(gofer::recv(select_c), gofer::send(select_c, 2)); }
void select_none() { gofer::select(); }
void nil_recv() { nilc.recv(); }
void nil_send() { nilc.send(1); }
void sleeper() { gofer::sleep(1h); }
void locker() { mu.lock(); }
void rlocker() { rw.lock_shared(); }
void wlocker() { rw.lock(); }
void waiter() { wg.wait(); }
void cond_wait() {
  std::unique_lock lock(cond_mu);
  cond.wait(lock);
}
void locked_recv() {
  gofer::lock_os_thread();
  auto d = gofer::make_chan<int>(0);
  d.recv();
}
void acceptor() {
  auto [l, err] = gofer::net::listen("tcp", "127.0.0.1:0");
  if (!err) (void)l.accept();
}

void start(void (*f)()) {
  gofer::go(f);
  gofer::sleep(20ms);
}

}  // namespace

int main() {
  return gofer::run(gofer::options{.traceback = "all"}, [] {
    mu.lock();
    rw.lock();
    wg.add(1);
    start(select_it);
    start(recv_it);
    start(send_it);
    start(select_none);
    start(nil_recv);
    start(nil_send);
    start(sleeper);
    start(locker);
    start(rlocker);
    start(wlocker);
    start(waiter);
    start(cond_wait);
    start(locked_recv);
    start(acceptor);
    println("main panics");
    gofer::panic("all");
  });
}
