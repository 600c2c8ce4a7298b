// Built with -fno-exceptions, as some libraries are: a panic passes through, and what lies in these frames is not
// destroyed.
#include "no_exceptions_frames.hpp"

namespace {

struct counts_its_end {
  int* ends;
  explicit counts_its_end(int* n) : ends(n) {}
  counts_its_end(const counts_its_end&) = delete;
  counts_its_end& operator=(const counts_its_end&) = delete;
  ~counts_its_end() { ++*ends; }
};

}  // namespace

[[gnu::noinline]] void call_without_exceptions(void (*f)(void*), void* arg, int depth, int* ends) {
  const counts_its_end c(ends);
  if (depth > 0) {
    call_without_exceptions(f, arg, depth - 1, ends);
  } else {
    f(arg);
  }
}
