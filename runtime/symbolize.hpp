// What lies at a program counter: function, file and line, inlined calls included.
//
// elfutils reads the debug information (never our own parser). It is opened at the first question, asked under a lock,
// and every answer is kept: a second question for the same pc costs some 50 ns, a first one a millisecond or more. A
// first one runs deep in libdw and the demangler, so it is answered on the thread's own stack (sched::mcall): a
// goroutine's may be too small. Never from a signal handler: it allocates.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace gofer::runtime {

/// One call.
struct frame {
  std::string function;  // as short_name writes it; "?" when unknown
  std::string file;      // absolute; without line information the program's or library's own file, and line 0
  int line = 0;
  std::uintptr_t offset =
      0;  // of the pc from the beginning of the function that contains it, or of the file when that is unknown
  bool inlined = false;   // was inlined into the frame that follows
  bool internal = false;  // the runtime's own (see is_internal)
};

using frames_at = std::shared_ptr<const std::vector<frame>>;

/// The calls at return address pc, innermost first: the inlined ones, then the function itself. Never empty. Any
/// thread.
frames_at symbolize(void* pc);

}  // namespace gofer::runtime
