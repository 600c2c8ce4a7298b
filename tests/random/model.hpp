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

/// Whether what happened is what was expected. Parts of an expectation between \1 and \2 may be missing.
bool matches(const std::string& expected, const std::string& happened);

/// For people to read.
std::string readable(const std::string& expected);

/// outermost: the program runs in a func whose deferred function recovers everything and notes the chain of panics. If
/// not, it may die.
expectation expect(const program& p, bool outermost = true);

}  // namespace gofer::random
