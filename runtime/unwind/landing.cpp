// The language specific data of one function: where an unwinding by force lands for one return address. The format is
// GCC's (gcc/except.cc, output_function_exception_table), which Clang shares; the rules are those of libstdc++'s
// personality routine for _UA_FORCE_UNWIND.
#if defined(__x86_64__)
#include <cxxabi.h>

#include <typeinfo>

#include "runtime/unwind/encoded.hpp"
#include "runtime/unwind/row.hpp"

namespace gofer::runtime {

namespace {

bool takes_forced_unwinding(const std::type_info* caught) {
  void* object = nullptr;
  return caught->__do_catch(&typeid(abi::__forced_unwind), &object, 1);
}

}  // namespace

void read_landing(const void* lsda, unwind_row& row) {
  table_reader in(lsda);
  const std::uint8_t lp_encoding = in.u8();
  const std::uintptr_t lp_start = lp_encoding == table_reader::omit ? row.function : in.pointer(lp_encoding);
  const std::uint8_t type_encoding = in.u8();
  const std::uint8_t* types = nullptr;
  if (type_encoding != table_reader::omit) {
    const std::uint64_t offset = in.uleb();
    types = in.at() + offset;
  }
  const std::uint8_t site_encoding = in.u8();
  const std::uint64_t sites_length = in.uleb();
  const std::uint8_t* const actions = in.at() + sites_length;

  row.what = unwind_row::todo::give_up;
  const std::uintptr_t offset = row.ip - 1 - row.function;
  std::uintptr_t pad = 0;
  std::uint64_t action = 0;
  for (;;) {
    if (in.at() >= actions || in.bad()) return;  // not in the table: nothing may leave this call (std::terminate)
    const std::uintptr_t begin = in.number(site_encoding & 0x0f);
    const std::uintptr_t length = in.number(site_encoding & 0x0f);
    pad = in.number(site_encoding & 0x0f);
    action = in.uleb();
    if (in.bad() || (site_encoding & 0x70) != 0 || offset < begin) return;
    if (offset < begin + length) break;
  }
  if (pad == 0) {
    row.what = unwind_row::todo::pass;
    return;
  }
  row.landing_pad = lp_start + pad;
  row.selector = 0;
  if (action == 0) {
    row.what = unwind_row::todo::land;
    return;
  }
  bool cleanup = false;
  table_reader next(actions + action - 1);
  for (;;) {
    const std::int64_t filter = next.sleb();
    table_reader displacement = next;
    const std::int64_t step = displacement.sleb();
    if (filter == 0) {
      cleanup = true;
    } else if (filter < 0) {
      return;  // an exception specification
    } else {
      const unsigned width = width_of(type_encoding);
      if (types == nullptr || width == 0) return;
      table_reader entry(types - static_cast<std::uint64_t>(filter) * width);
      const auto* caught = reinterpret_cast<const std::type_info*>(entry.pointer(type_encoding));
      if (entry.bad()) return;
      if (caught == nullptr || takes_forced_unwinding(caught)) {
        row.what = unwind_row::todo::land;
        row.selector = filter;
        return;
      }
    }
    if (step == 0) break;
    next = table_reader(next.at() + step);
  }
  row.what = cleanup ? unwind_row::todo::land : unwind_row::todo::pass;
}

}  // namespace gofer::runtime
#endif
