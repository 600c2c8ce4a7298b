#pragma once

#include "runtime/net/interrupt.hpp"
#include "runtime/net/netfd.hpp"

namespace gofer::runtime {

/// Being inside, as the reader or the writer, or why not.
class netfd::inside {
 public:
  inside(netfd& fd, sched::poll_mode mode, const context* ctx)
      : fd_(fd),
        mode_(mode),
        entry_(mode == sched::poll_mode::read ? fd.mu_.rlock(ctx) : fd.mu_.wlock(ctx)),
        ctx_(ctx) {}
  inside(const inside&) = delete;
  inside& operator=(const inside&) = delete;
  ~inside() {
    if (entry_ != fd_entry::locked) return;
    if (mode_ == sched::poll_mode::read ? fd_.mu_.runlock() : fd_.mu_.wunlock()) fd_.destroy();
  }
  explicit operator bool() const { return entry_ == fd_entry::locked; }
  error why_not() const { return entry_ == fd_entry::ended ? context_failure(ctx_) : net::err_closed; }

 private:
  netfd& fd_;
  sched::poll_mode mode_;
  fd_entry entry_;
  const context* ctx_;
};

}  // namespace gofer::runtime
