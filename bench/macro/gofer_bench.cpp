// gofer's side of the comparison; bench/peers has the others'.
#include <gofer/chan.hpp>
#include <gofer/runtime.hpp>
#include <gofer/sync.hpp>
#include <gofer/time.hpp>

#include "common/harness.hpp"

namespace {

struct adapter {
  using wait_group = gofer::wait_group;
  using mutex = gofer::mutex;

  class channel {
   public:
    explicit channel(std::int64_t capacity) : chan_(capacity) {}
    void send(std::int64_t v) const { chan_.send(v); }
    std::int64_t recv() const { return chan_.recv().value_or(0); }

   private:
    gofer::chan<std::int64_t> chan_;
  };

  template <class F>
  static void run(int workers, F f) {
    gofer::run({.maxprocs = workers}, std::move(f));
  }
  template <class F>
  static void spawn(F&& f) {
    gofer::go(std::forward<F>(f));
  }
  static void yield() { gofer::gosched(); }
  static void sleep(std::chrono::milliseconds d) { gofer::sleep(d); }
};

}  // namespace

int main(int argc, char** argv) { return bench::program<adapter>::main(argc, argv); }
