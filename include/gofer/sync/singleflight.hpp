// One call for everybody who asks for the same thing at the same time.
#pragma once

#include <functional>
#include <gofer/context.hpp>
#include <gofer/defer.hpp>
#include <gofer/error.hpp>
#include <gofer/panic.hpp>
#include <gofer/runtime.hpp>
#include <gofer/sync/mutex.hpp>
#include <gofer/sync/wait_group.hpp>
#include <memory>
#include <mutex>
#include <string>
#include <type_traits>
#include <unordered_map>
#include <utility>

namespace gofer {

/// Suppresses duplicate work (golang.org/x/sync/singleflight): while a call for a key is under way, others with the
/// same key wait for it and get its result. T must be copyable. Safe for any number of goroutines.
template <class T, class Key = std::string, class Hash = std::hash<Key>>
class singleflight {
 public:
  /// `auto [value, err, shared] = group.run(key, f);` shared: others got the same.
  struct outcome {
    T value{};
    error err{};
    bool shared = false;
  };

  singleflight() = default;
  singleflight(const singleflight&) = delete;
  singleflight& operator=(const singleflight&) = delete;

  /// Calls f(), which returns a T or a result<T>, unless a call for key is under way; then blocks until that is over.
  /// If that one panicked, or left by goexit, so do all who waited for it.
  template <class F>
  outcome run(const Key& key, F&& f) {
    return run(background(), key, std::forward<F>(f));
  }
  /// The same, but does not wait for another's call longer than until ctx is done: the outcome's err is ctx.err() then.
  template <class F>
  outcome run(const context& ctx, const Key& key, F&& f) {
    std::shared_ptr<call> c;
    {
      std::unique_lock hold(mu_);
      auto [it, fresh] = calls_.try_emplace(key);
      if (fresh) it->second = std::make_shared<call>();
      c = it->second;
      if (!fresh) {
        c->shared = true;
        hold.unlock();
        if (error err = c->over.wait_until(ctx)) return {T{}, std::move(err), true};
        if (c->panicked) panic(c->panicked);
        if (!c->returned) goexit();
        return {c->value, c->err, true};
      }
      c->over.add(1);
    }
    {
      const at_end end{*this, key, c};
      func([&] {
        const defer keep{[&c] { c->panicked = recover(); }};
        if constexpr (std::is_convertible_v<std::invoke_result_t<F&>, T>) {
          c->value = f();
        } else {
          auto r = f();
          c->value = std::move(r.value);
          c->err = std::move(r.err);
        }
        c->returned = true;
      });
    }
    if (c->panicked) panic(c->panicked);
    return {c->value, c->err, c->shared};
  }

  /// Makes the next run() for key call its function even if one is under way.
  void forget(const Key& key) {
    const std::lock_guard hold(mu_);
    calls_.erase(key);
  }

 private:
  struct call {
    wait_group over;
    bool shared = false;  // guarded by mu_
    bool returned = false;
    panic_value panicked;
    T value{};
    error err;
  };

  /// However the function ended, goexit included.
  struct at_end {
    singleflight& group;
    const Key& key;
    const std::shared_ptr<call>& c;
    ~at_end() {
      {
        const std::lock_guard hold(group.mu_);
        // It may have been forgotten, and another be under way.
        if (auto it = group.calls_.find(key); it != group.calls_.end() && it->second == c) group.calls_.erase(it);
      }
      c->over.done();
    }
  };

  mutex mu_;
  std::unordered_map<Key, std::shared_ptr<call>, Hash> calls_;
};

}  // namespace gofer
