// The system calls that can be made to fail.
#pragma once

#include <string>

namespace gofer::test {

/// From now on the n-th use (1 is the first) of `call` fails, and with `for_ever` every one after it. "a+b": a always
/// fails, and of b the n-th use. False: there is no such call.
bool set_fault(const std::string& call, int n, bool for_ever);

/// How often the call that set_fault named was used.
int uses();

}  // namespace gofer::test
