// What happens to a defer_list when its scope ends.
#include <cstddef>
#include <gofer/defer.hpp>

#include "runtime/deferpool.hpp"
#include "runtime/panic.hpp"

namespace gofer::detail {

void push_while_running() { runtime::fatal("defer_list: push while the list runs"); }

/// What deferreturn may see of a defer_list.
struct defer_list_runner {
  defer_list& list;
  struct records {
    defer_list& list;
    ~records() {
      if (list.spare_ != nullptr) freedefers(list.spare_);
      list.spare_ = nullptr;
    }
  } give_back{list};
  bool armed = true;

  explicit defer_list_runner(defer_list& l) : list(l) {}
  defer_list_runner(const defer_list_runner&) = delete;
  defer_list_runner& operator=(const defer_list_runner&) = delete;
  // A deferred call panicked: the others run during that unwinding, as those of outer scopes will.
  ~defer_list_runner() noexcept(false) {
    while (armed && list.head_ != nullptr) run_youngest();
  }

  void run_youngest() {
    _defer* d = list.head_;
    list.head_ = d->link;
    list.size_--;
    struct destroyer {
      defer_list& list;
      _defer* d;
      ~destroyer() {
        if (d->ops->destroy != nullptr) d->ops->destroy(closure_of(d));
        list.recycle(d);
      }
    } const over{list, d};
    if (raises() == list.raises_) [[likely]] {
      d->ops->run(closure_of(d));
    } else {
      deferreturn(list.raises_, d->ops->thunk, closure_of(d));
    }
  }
};

void deferreturn(defer_list& list) {
  list.running_ = true;
  defer_list_runner runner{list};
  while (list.head_ != nullptr) runner.run_youngest();
  runner.armed = false;
}

}  // namespace gofer::detail

namespace gofer {

defer<detail::gorecover_function>::defer(detail::gorecover_function, void* caller, void*)
    : raises_(detail::raises()), call_(caller) {}

void defer_list::push(detail::gorecover_function, void* caller, void*) { place<detail::deferred_recover>(caller); }

defer<detail::gorecover_function>::~defer() {
  if (detail::raises() == raises_) {
    call_.run();
  } else {
    detail::deferreturn(raises_, detail::deferred_recover::thunk(), &call_);
  }
}

}  // namespace gofer
