// What all forms that take a context do.
#pragma once

#include <gofer/context.hpp>
#include <gofer/detail/timeout.hpp>

namespace gofer::detail {

/// Calls wait(limit), which answers whether it got what it waited for, unless ctx is done already. Null when it did,
/// else ctx.err().
template <class Wait>
error unless_done(const context& ctx, Wait wait) {
  if (error err = ctx.err()) return err;
  const recv_chan<> done = ctx.done();
  if (wait(wait_limit{-1, chan_access::ref(done).get()})) return {};
  return ctx.err();
}

}  // namespace gofer::detail
