#pragma once

namespace gofer::test {

/// Some of everything that needs the system: stacks, threads, timers, the poller. Returns true when everything came out
/// right; what the network answers with an error counts as right.
bool work();

}  // namespace gofer::test
