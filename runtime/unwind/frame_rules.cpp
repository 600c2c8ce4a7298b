// The call frame instructions of one function, up to one return address (DWARF 4, 6.4; LSB Core, .eh_frame). Everything
// that GCC, Clang and assemblers write for ordinary functions on x86-64; the rest (expressions, registers kept in
// registers, signal frames) is left to the system's unwinder.
#if defined(__x86_64__)
#include <array>
#include <cstring>

#include "runtime/unwind/encoded.hpp"
#include "runtime/unwind/row.hpp"

struct dwarf_eh_bases {
  void* tbase;
  void* dbase;
  void* func;
};
extern "C" const void* _Unwind_Find_FDE(void* pc, dwarf_eh_bases* bases);

namespace gofer::runtime {

namespace {

constexpr unsigned return_address = 16;
constexpr unsigned rsp_number = 7;
constexpr int known_registers = 17;

// DWARF's number of a register to our slot; count: not one that a caller gets back.
registers::slot slot_of(std::uint64_t number) {
  switch (number) {
    case 3:
      return registers::rbx;
    case 6:
      return registers::rbp;
    case rsp_number:
      return registers::rsp;
    case 12:
      return registers::r12;
    case 13:
      return registers::r13;
    case 14:
      return registers::r14;
    case 15:
      return registers::r15;
    default:
      return registers::count;
  }
}

struct rules {
  std::uint64_t cfa_register = rsp_number;
  std::int64_t cfa_offset = 0;
  bool cfa_known = false;
  std::array<std::int64_t, known_registers> offset{};  // from the CFA
  std::array<bool, known_registers> saved{};
};

class interpreter {
 public:
  interpreter(std::uint64_t code_align, std::int64_t data_align, std::uint8_t pointer_encoding)
      : code_align_(code_align), data_align_(data_align), pointer_encoding_(pointer_encoding) {}

  rules now;
  std::uint64_t args_size = 0;

  /// Executes up to the row that is in force before `until`. False: something that is not understood.
  bool run(const std::uint8_t* from, const std::uint8_t* to, std::uintptr_t loc, std::uintptr_t until) {
    table_reader in(from);
    while (in.at() < to) {
      const std::uint8_t op = in.u8();
      const std::uint8_t low = op & 0x3f;
      switch (op & 0xc0) {
        case 0x40:
          loc += low * code_align_;
          if (loc >= until) return true;
          continue;
        case 0x80:
          if (!save(low, static_cast<std::int64_t>(in.uleb()) * data_align_)) return false;
          continue;
        case 0xc0:
          if (!restore(low)) return false;
          continue;
        default:
          break;
      }
      std::uint64_t reg;
      switch (op) {
        case 0x00:  // nop
          break;
        case 0x01:  // set_loc
          loc = in.pointer(pointer_encoding_);
          if (in.bad()) return false;
          if (loc >= until) return true;
          break;
        case 0x02:  // advance_loc1
          loc += in.u8() * code_align_;
          if (loc >= until) return true;
          break;
        case 0x03:
          loc += in.fixed<std::uint16_t>() * code_align_;
          if (loc >= until) return true;
          break;
        case 0x04:
          loc += in.fixed<std::uint32_t>() * code_align_;
          if (loc >= until) return true;
          break;
        case 0x05:  // offset_extended
          reg = in.uleb();
          if (!save(reg, static_cast<std::int64_t>(in.uleb()) * data_align_)) return false;
          break;
        case 0x06:  // restore_extended
          if (!restore(in.uleb())) return false;
          break;
        case 0x08:  // same_value
          reg = in.uleb();
          if (reg >= known_registers) return false;
          now.saved[reg] = false;
          break;
        case 0x0a:  // remember_state
          if (depth_ == remembered_.size()) return false;
          remembered_[depth_++] = now;
          break;
        case 0x0b:  // restore_state
          if (depth_ == 0) return false;
          now = remembered_[--depth_];
          break;
        case 0x0c:  // def_cfa
          now.cfa_register = in.uleb();
          now.cfa_offset = static_cast<std::int64_t>(in.uleb());
          now.cfa_known = true;
          break;
        case 0x0d:
          now.cfa_register = in.uleb();
          break;
        case 0x0e:
          now.cfa_offset = static_cast<std::int64_t>(in.uleb());
          break;
        case 0x0f:  // def_cfa_expression: maybe another row of this function is a plain one
          now.cfa_known = false;
          in.skip(in.uleb());
          break;
        case 0x11:  // offset_extended_sf
          reg = in.uleb();
          if (!save(reg, in.sleb() * data_align_)) return false;
          break;
        case 0x12:  // def_cfa_sf
          now.cfa_register = in.uleb();
          now.cfa_offset = in.sleb() * data_align_;
          now.cfa_known = true;
          break;
        case 0x13:
          now.cfa_offset = in.sleb() * data_align_;
          break;
        case 0x2e:  // GNU_args_size
          args_size = in.uleb();
          break;
        default:  // undefined (the end of the stack), register, expression, val_…, what others may have invented
          return false;
      }
    }
    return true;
  }

  /// What the CIE's instructions leave is what restore goes back to.
  void begin_function() { initial_ = now; }

 private:
  bool save(std::uint64_t reg, std::int64_t offset) {
    if (reg >= known_registers) return false;
    now.saved[reg] = true;
    now.offset[reg] = offset;
    return true;
  }

  bool restore(std::uint64_t reg) {
    if (reg >= known_registers) return false;
    now.saved[reg] = initial_.saved[reg];
    now.offset[reg] = initial_.offset[reg];
    return true;
  }

  std::uint64_t code_align_;
  std::int64_t data_align_;
  std::uint8_t pointer_encoding_;
  rules initial_;
  std::array<rules, 4> remembered_;
  std::size_t depth_ = 0;
};

bool fits(std::int64_t v) { return v > unwind_row::not_saved && v <= std::numeric_limits<std::int32_t>::max(); }

bool to_row(const interpreter& result, unwind_row& row) {
  const rules& r = result.now;
  row.cfa_register = slot_of(r.cfa_register);
  if (!r.cfa_known || row.cfa_register == registers::count || !fits(r.cfa_offset)) return false;
  row.cfa_offset = static_cast<std::int32_t>(r.cfa_offset);
  if (!r.saved[return_address] || r.offset[return_address] != -8 || r.saved[rsp_number]) return false;
  for (std::int32_t& offset : row.saved) offset = unwind_row::not_saved;
  for (unsigned number = 0; number < return_address; number++) {
    if (!r.saved[number]) continue;
    const registers::slot slot = slot_of(number);
    if (slot == registers::count) continue;  // restored for nobody: a caller does not count on it
    if (!fits(r.offset[number])) return false;
    row.saved[slot] = static_cast<std::int32_t>(r.offset[number]);
  }
  row.args_size = result.args_size;
  return true;
}

}  // namespace

bool read_frame_rules(std::uintptr_t ip, unwind_row& row, std::uintptr_t& personality, const void*& lsda) {
  personality = 0;
  lsda = nullptr;
  dwarf_eh_bases bases{};
  // A return address may lie behind the end of a function whose last instruction is a call of a noreturn one.
  const void* fde = _Unwind_Find_FDE(reinterpret_cast<void*>(ip - 1), &bases);
  if (fde == nullptr) return false;
  table_reader in(fde);
  const std::uint32_t length = in.fixed<std::uint32_t>();
  if (length == 0xffffffff) return false;
  const std::uint8_t* const end = in.at() + length;
  const std::uint8_t* const cie_field = in.at();
  const std::uint8_t* const cie_at = cie_field - in.fixed<std::int32_t>();

  table_reader cie(cie_at);
  const std::uint32_t cie_length = cie.fixed<std::uint32_t>();
  if (cie_length == 0xffffffff) return false;
  const std::uint8_t* const cie_end = cie.at() + cie_length;
  if (cie.fixed<std::uint32_t>() != 0) return false;
  const std::uint8_t version = cie.u8();
  if (version != 1 && version != 3) return false;
  const char* augmentation = reinterpret_cast<const char*>(cie.at());
  cie.skip(std::strlen(augmentation) + 1);
  const std::uint64_t code_align = cie.uleb();
  const std::int64_t data_align = cie.sleb();
  if ((version == 1 ? cie.u8() : cie.uleb()) != return_address) return false;
  std::uint8_t fde_encoding = 0;
  std::uint8_t lsda_encoding = table_reader::omit;
  const bool sized = *augmentation == 'z';
  if (sized) {
    augmentation++;
    cie.uleb();
  }
  for (; *augmentation != 0; augmentation++) {
    switch (*augmentation) {
      case 'R':
        fde_encoding = cie.u8();
        break;
      case 'L':
        lsda_encoding = cie.u8();
        break;
      case 'P': {
        const std::uint8_t how = cie.u8();
        personality = cie.pointer(how);
        break;
      }
      default:  // 'S', a signal frame, above all
        return false;
    }
  }
  if (cie.bad()) return false;

  const std::uintptr_t begin = in.pointer(fde_encoding);
  in.number(fde_encoding & 0x0f);
  if (sized) {
    const std::uint64_t n = in.uleb();
    const std::uint8_t* const instructions = in.at() + n;
    lsda = reinterpret_cast<const void*>(in.pointer(lsda_encoding));
    in.skip(static_cast<std::uint64_t>(instructions - in.at()));
  }
  if (in.bad() || begin == 0) return false;
  row.function = begin;

  interpreter run(code_align, data_align, fde_encoding);
  constexpr std::uintptr_t everything = ~std::uintptr_t{0};
  if (!run.run(cie.at(), cie_end, 0, everything)) return false;
  run.begin_function();
  return run.run(in.at(), end, begin, ip) && to_row(run, row);
}

}  // namespace gofer::runtime
#endif
