// gofer::lockcheck: lets GOFER_DEBUG=lockcheck=1 see the locks of POSIX threads, which std::mutex, std::shared_mutex
// and the like are made of, by taking the place of libc's functions in the program that links it. Without the knob they
// go straight on to libc.
//
// A library of its own, because this is nothing to do to a program that did not ask for it (and ThreadSanitizer does
// the same).
#include <dlfcn.h>
#include <pthread.h>
#include <time.h>

#include <atomic>

#include "runtime/lockcheck.hpp"

// In a namespace of the runtime's: what is called so is left out of tracebacks.
namespace gofer::runtime {

namespace {

constexpr const char* mutex_kind = "std::mutex";
constexpr const char* rwlock_kind = "std::shared_mutex";

/// libc's function of this name, to be called as it is called. No static with a guard: this runs before everything
/// else.
class next_function {
 public:
  constexpr explicit next_function(const char* name) : name_(name) {}
  template <class... Args>
  int operator()(Args... args) {
    void* f = f_.load(std::memory_order_relaxed);
    if (__builtin_expect(f == nullptr, 0)) {
      f = ::dlsym(RTLD_NEXT, name_);
      f_.store(f, std::memory_order_relaxed);
    }
    return reinterpret_cast<int (*)(Args...)>(f)(args...);
  }

 private:
  const char* name_;
  std::atomic<void*> f_{nullptr};
};

constinit next_function next_mutex_lock("pthread_mutex_lock");
constinit next_function next_mutex_trylock("pthread_mutex_trylock");
constinit next_function next_mutex_timedlock("pthread_mutex_timedlock");
constinit next_function next_mutex_clocklock("pthread_mutex_clocklock");
constinit next_function next_mutex_unlock("pthread_mutex_unlock");
constinit next_function next_rwlock_rdlock("pthread_rwlock_rdlock");
constinit next_function next_rwlock_wrlock("pthread_rwlock_wrlock");
constinit next_function next_rwlock_tryrdlock("pthread_rwlock_tryrdlock");
constinit next_function next_rwlock_trywrlock("pthread_rwlock_trywrlock");
constinit next_function next_rwlock_timedrdlock("pthread_rwlock_timedrdlock");
constinit next_function next_rwlock_timedwrlock("pthread_rwlock_timedwrlock");
constinit next_function next_rwlock_clockrdlock("pthread_rwlock_clockrdlock");
constinit next_function next_rwlock_clockwrlock("pthread_rwlock_clockwrlock");
constinit next_function next_rwlock_unlock("pthread_rwlock_unlock");

int taken(int result, const void* lock, const char* kind) {
  if (result == 0 && lockcheck_on()) thread_lock_taken(lock, kind);
  return result;
}

void given_up(const void* lock) {
  if (lockcheck_on()) thread_lock_given_up(lock);
}

}  // namespace

}  // namespace gofer::runtime

using namespace gofer::runtime;

extern "C" {

int pthread_mutex_lock(pthread_mutex_t* mu) noexcept { return taken(next_mutex_lock(mu), mu, mutex_kind); }
int pthread_mutex_trylock(pthread_mutex_t* mu) noexcept { return taken(next_mutex_trylock(mu), mu, mutex_kind); }
int pthread_mutex_timedlock(pthread_mutex_t* mu, const timespec* until) noexcept {
  return taken(next_mutex_timedlock(mu, until), mu, mutex_kind);
}
int pthread_mutex_clocklock(pthread_mutex_t* mu, clockid_t clock, const timespec* until) noexcept {
  return taken(next_mutex_clocklock(mu, clock, until), mu, mutex_kind);
}
int pthread_mutex_unlock(pthread_mutex_t* mu) noexcept {
  given_up(mu);
  return next_mutex_unlock(mu);
}

int pthread_rwlock_rdlock(pthread_rwlock_t* rw) noexcept { return taken(next_rwlock_rdlock(rw), rw, rwlock_kind); }
int pthread_rwlock_wrlock(pthread_rwlock_t* rw) noexcept { return taken(next_rwlock_wrlock(rw), rw, rwlock_kind); }
int pthread_rwlock_tryrdlock(pthread_rwlock_t* rw) noexcept {
  return taken(next_rwlock_tryrdlock(rw), rw, rwlock_kind);
}
int pthread_rwlock_trywrlock(pthread_rwlock_t* rw) noexcept {
  return taken(next_rwlock_trywrlock(rw), rw, rwlock_kind);
}
int pthread_rwlock_timedrdlock(pthread_rwlock_t* rw, const timespec* until) noexcept {
  return taken(next_rwlock_timedrdlock(rw, until), rw, rwlock_kind);
}
int pthread_rwlock_timedwrlock(pthread_rwlock_t* rw, const timespec* until) noexcept {
  return taken(next_rwlock_timedwrlock(rw, until), rw, rwlock_kind);
}
int pthread_rwlock_clockrdlock(pthread_rwlock_t* rw, clockid_t clock, const timespec* until) noexcept {
  return taken(next_rwlock_clockrdlock(rw, clock, until), rw, rwlock_kind);
}
int pthread_rwlock_clockwrlock(pthread_rwlock_t* rw, clockid_t clock, const timespec* until) noexcept {
  return taken(next_rwlock_clockwrlock(rw, clock, until), rw, rwlock_kind);
}
int pthread_rwlock_unlock(pthread_rwlock_t* rw) noexcept {
  given_up(rw);
  return next_rwlock_unlock(rw);
}

}  // extern "C"
