// Locks and the like for goroutines: waiting parks the goroutine, not its thread. They work on plain threads, and
// between the two kinds, as well. The names and shapes are std's where std has the thing, so that std::lock_guard,
// std::unique_lock, std::shared_lock and std::scoped_lock take them; the behaviour is Go's.
//
// Everything here that blocks has a form that takes a context and gives up, with ctx.err(), when that is done: nothing
// is held then. The locks have std's try_lock_for and try_lock_until as well.
//
// Unlike in Go every one of them may be destroyed as soon as nobody uses it any more in the sense of std: a mutex by
// whoever has locked it and knows that nobody else will, a wait group when wait() has returned.
#pragma once

#include <gofer/sync/condition_variable.hpp>
#include <gofer/sync/error_group.hpp>
#include <gofer/sync/mutex.hpp>
#include <gofer/sync/once.hpp>
#include <gofer/sync/semaphore.hpp>
#include <gofer/sync/shared_mutex.hpp>
#include <gofer/sync/singleflight.hpp>
#include <gofer/sync/wait_group.hpp>
