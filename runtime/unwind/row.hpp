// What unwinding has to know about one return address: how to leave its frame, and where it lands there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>

namespace gofer::runtime {

/// The registers that a caller gets back, at one frame of a walk. gofer_unwind_resume (walk_x86_64.S) fills it by
/// offsets.
struct registers {
  enum slot : std::uint8_t { rbx, rbp, r12, r13, r14, r15, rsp, count };
  std::uintptr_t value[count];
  std::uintptr_t ip;  // where the frame goes on
};
static_assert(offsetof(registers, ip) == 56);

struct unwind_row {
  enum class todo : std::uint8_t {
    pass,     // nothing to do in this frame: on to its caller
    land,     // destructors or a handler
    give_up,  // only the system's unwinder understands this frame
  };
  static constexpr std::int32_t not_saved = std::numeric_limits<std::int32_t>::min();

  std::uintptr_t ip = 0;
  std::uintptr_t function = 0;  // its first instruction; 0: unknown
  todo what = todo::give_up;

  // The frame's caller. CFA, the caller's stack pointer: a register and an offset.
  registers::slot cfa_register = registers::rsp;
  std::int32_t cfa_offset = 0;
  std::int32_t saved[registers::rsp] = {};  // relative to the CFA; the return address is at CFA - 8

  // land
  std::uintptr_t landing_pad = 0;
  std::int64_t selector = 0;
  std::uint64_t args_size = 0;  // pushed for the call, and for the landing pad to find gone
};

/// Fills row for the frame that goes on at ip, from the tables of the module that ip is in. False: give up.
bool read_frame_rules(std::uintptr_t ip, unwind_row& row, std::uintptr_t& personality, const void*& lsda);

/// Says in row what an unwinding by force does in the frame, as __gxx_personality_v0 would.
void read_landing(const void* lsda, unwind_row& row);

/// The row of ip: from the cache or, when it is not to be kept there, in scratch.
const unwind_row& row_of(std::uintptr_t ip, unwind_row& scratch);

}  // namespace gofer::runtime
