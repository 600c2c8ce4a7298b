// What wait_group::go and error_group::go start: a call, and word to the group when it is over.
#pragma once

#include <functional>
#include <tuple>
#include <type_traits>
#include <utility>

namespace gofer::detail {

/// Whether the goroutine is being unwound by a panic that nobody has recovered (not by goexit).
bool unwinding_by_panic() noexcept;

/// Calls f(args...), and group->done() as its very last act: when f and args have been destroyed, so that nothing of
/// them is left when wait() returns. Also after goexit or a recovered panic; but not while a panic is about to end the
/// process: who waits would go on, and might end it first, with status 0 and without a report.
template <class Group, class F, class... Args>
class counted_call {
 public:
  template <class G, class... A>
  explicit counted_call(Group* group, G&& f, A&&... args)
      : word_(group), f_(std::forward<G>(f)), args_(std::forward<A>(args)...) {}

  void operator()() {
    std::apply([this](Args&... args) { std::invoke(std::move(f_), std::move(args)...); }, args_);
    word_.returned = true;
  }

 private:
  struct word {
    explicit word(Group* g) : group(g) {}
    word(word&& other) noexcept : group(std::exchange(other.group, nullptr)), returned(other.returned) {}
    word& operator=(word&&) = delete;
    ~word() noexcept(false) {
      if (group != nullptr && (returned || !unwinding_by_panic())) group->done();
    }
    Group* group;
    bool returned = false;
  };

  word word_;  // the first member is the last to be destroyed
  [[no_unique_address]] F f_;
  [[no_unique_address]] std::tuple<Args...> args_;
};

}  // namespace gofer::detail
