#pragma once

namespace gofer::test {

/// Whether f() is true at one of twenty attempts: for an order that a busy machine may spoil, when it puts a thread
/// aside at the wrong moment, but never all the time.
template <class F>
bool sometimes(F f) {
  for (int attempt = 0; attempt < 20; attempt++) {
    if (f()) return true;
  }
  return false;
}

}  // namespace gofer::test
