// What docs/panic.md says that a program does.
#pragma once

#include <string>

#include "program.hpp"

namespace gofer::random {

struct expectation {
  std::string trail;
  std::string rejected;  // why the program is none to run: it does what the API calls fatal or leaves open
  std::string dies_of;   // without the deferred recover around it: the lines of the report; empty when it lives
};

/// outermost: the program runs in a func whose deferred function recovers everything and notes the chain of panics. If
/// not, it may die.
expectation expect(const program& p, bool outermost = true);

}  // namespace gofer::random
