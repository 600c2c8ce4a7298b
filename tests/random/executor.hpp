// Runs a program for real.
#pragma once

#include <string>

#include "program.hpp"

namespace gofer::random {

/// In a goroutine: runs p in one of its own and returns the trail. Leaves a word of complaint in it if something was
/// left behind on the goroutine.
std::string execute(const program& p);

/// In a goroutine: runs p in it, with nothing around that recovers. Returns if p does.
void execute_unprotected(const program& p);

/// Values, exceptions and arguments of deferred functions that live.
long live_objects();

}  // namespace gofer::random
