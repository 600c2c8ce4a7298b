// What ends a dial or a look-up before its time: a context.
#pragma once

#include <functional>
#include <gofer/error.hpp>
#include <memory>

namespace gofer {
class context;
}

namespace gofer::runtime {

/// While it lives, `f` is called once when ctx is done (at once if it is already), on some other goroutine. When the
/// destructor has returned, f is neither running nor will it. ctx may be null: then nothing happens. f must not block.
class interrupt {
 public:
  interrupt(const context* ctx, std::function<void()> f);
  interrupt(const interrupt&) = delete;
  interrupt& operator=(const interrupt&) = delete;
  ~interrupt();

 private:
  struct state;
  std::shared_ptr<state> state_;
};

/// Why ctx ended a network operation, in Go's words: "operation was canceled" or "i/o timeout"; is() finds the
/// context's own error too. Null while it is not done, and for no context.
error context_failure(const context* ctx);

/// ctx's deadline in nanotime(), 0 for none.
std::int64_t context_deadline(const context* ctx);

}  // namespace gofer::runtime
