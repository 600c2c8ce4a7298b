// Our own walk of the stack against elfutils, and where it has to hand over to the system's unwinder and back.
#include <dlfcn.h>
#include <dwarf.h>
#include <elfutils/libdw.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <link.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <gofer/gofer.hpp>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "runtime/unwind/row.hpp"
#include "runtime/unwind/walk.hpp"

#if defined(__x86_64__)
namespace gofer::test {
namespace {

using runtime::registers;
using runtime::unwind_row;

/// Where the executable is, and the table in which the linker lists its functions.
struct executable {
  std::uintptr_t base = 0;
  const std::uint8_t* eh_frame_hdr = nullptr;

  executable() {
    dl_iterate_phdr(
        [](dl_phdr_info* info, std::size_t, void* arg) {
          auto* self = static_cast<executable*>(arg);
          self->base = info->dlpi_addr;
          for (int i = 0; i < info->dlpi_phnum; i++) {
            if (info->dlpi_phdr[i].p_type != PT_GNU_EH_FRAME) continue;
            self->eh_frame_hdr = reinterpret_cast<const std::uint8_t*>(self->base + info->dlpi_phdr[i].p_vaddr);
          }
          return 1;
        },
        this);
  }

  /// The beginnings of all functions, sorted (LSB Core, .eh_frame_hdr: version 1, encodings 0x1b, 0x03, 0x3b).
  std::vector<std::uintptr_t> functions() const {
    EXPECT_EQ(std::memcmp(eh_frame_hdr, "\x01\x1b\x03\x3b", 4), 0);
    std::uint32_t n;
    std::memcpy(&n, eh_frame_hdr + 8, sizeof n);
    std::vector<std::uintptr_t> all;
    for (std::uint32_t i = 0; i < n; i++) {
      std::int32_t offset;
      std::memcpy(&offset, eh_frame_hdr + 12 + std::size_t{8} * i, sizeof offset);
      all.push_back(reinterpret_cast<std::uintptr_t>(eh_frame_hdr) +
                    static_cast<std::uintptr_t>(std::intptr_t{offset}));
    }
    return all;
  }
};

constexpr std::array<int, registers::count> dwarf_numbers = {3, 6, 12, 13, 14, 15, 7};

/// The CFA as elfutils has it: register * 2^32 + offset, or -1 when it is anything but a register and an offset.
std::int64_t cfa_by_elfutils(Dwarf_Frame* frame) {
  Dwarf_Op* ops = nullptr;
  std::size_t n = 0;
  if (dwarf_frame_cfa(frame, &ops, &n) != 0 || n != 1) return -1;
  if (ops->atom == DW_OP_bregx) {
    return (static_cast<std::int64_t>(ops->number) << 32) + static_cast<std::int64_t>(ops->number2);
  }
  if (ops->atom < DW_OP_breg0 || ops->atom > DW_OP_breg31) return -1;
  return (std::int64_t{ops->atom - DW_OP_breg0} << 32) + static_cast<std::int64_t>(ops->number);
}

struct rule {
  enum { kept, at_offset, other } what;
  std::int64_t offset = 0;
};

rule register_by_elfutils(Dwarf_Frame* frame, int number) {
  Dwarf_Op memory[3];
  Dwarf_Op* ops = nullptr;
  std::size_t n = 0;
  if (dwarf_frame_register(frame, number, memory, &ops, &n) != 0) return {rule::other};
  if (n == 0) return {rule::kept};  // or undefined, which it also says of what is not mentioned
  if (n == 1 && ops[0].atom == DW_OP_call_frame_cfa) return {rule::at_offset};
  if (n == 2 && ops[0].atom == DW_OP_call_frame_cfa && ops[1].atom == DW_OP_plus_uconst) {
    return {rule::at_offset, static_cast<std::int64_t>(ops[1].number)};
  }
  return {rule::other};
}

// Every function of this program, at one address in a few (a row covers several bytes).
TEST(Unwind, RowsAgreeWithElfutils) {
  const int fd = ::open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  ASSERT_GE(fd, 0);
  Dwarf* const dwarf = dwarf_begin(fd, DWARF_C_READ);
  ASSERT_NE(dwarf, nullptr);
  Dwarf_CFI* const cfi = dwarf_getcfi_elf(dwarf_getelf(dwarf));
  ASSERT_NE(cfi, nullptr);
  const executable self;
  std::vector<std::uintptr_t> functions = self.functions();
  ASSERT_GT(functions.size(), 1000u);
  std::size_t compared = 0, given_up = 0;
  for (std::size_t i = 0; i + 1 < functions.size() && !HasFailure(); i++) {
    const std::uintptr_t end = std::min(functions[i + 1], functions[i] + 4096);
    for (std::uintptr_t ip = functions[i] + 1; ip < end && !HasFailure(); ip += 13) {
      unwind_row row;
      std::uintptr_t personality;
      const void* lsda;
      Dwarf_Frame* frame = nullptr;
      if (dwarf_cfi_addrframe(cfi, ip - 1 - self.base, &frame) != 0) continue;  // padding behind a function
      if (!runtime::read_frame_rules(ip, row, personality, lsda)) {
        given_up++;
        std::free(frame);
        continue;
      }
      compared++;
      ASSERT_LE(row.function, ip - 1);
      EXPECT_EQ((std::int64_t{dwarf_numbers[row.cfa_register]} << 32) + row.cfa_offset, cfa_by_elfutils(frame))
          << std::hex << ip - self.base;
      for (unsigned slot = 0; slot < registers::rsp; slot++) {
        const rule r = register_by_elfutils(frame, dwarf_numbers[slot]);
        if (row.saved[slot] == unwind_row::not_saved) {
          EXPECT_EQ(r.what, rule::kept) << std::hex << ip - self.base << " register " << slot;
        } else {
          EXPECT_EQ(r.what, rule::at_offset);
          EXPECT_EQ(row.saved[slot], r.offset) << std::hex << ip - self.base << " register " << slot;
        }
      }
      std::free(frame);
    }
  }
  EXPECT_GT(compared, 10'000u);
  EXPECT_LT(given_up, compared / 100);  // the linkage table, aligned frames, signal frames
  dwarf_cfi_end(cfi);
  dwarf_end(dwarf);
  ::close(fd);
}

TEST(Unwind, RowsOfLibrariesAreNotKept) {
  const auto in_libc = reinterpret_cast<std::uintptr_t>(::dlsym(RTLD_DEFAULT, "qsort")) + 1;
  unwind_row scratch;
  EXPECT_EQ(&runtime::row_of(in_libc, scratch), &scratch);
  EXPECT_NE(scratch.function, 0u);
}

TEST(Unwind, ManyThreadsReadTheSameRows) {
  const std::vector<std::uintptr_t> functions = executable().functions();
  std::vector<std::vector<std::uintptr_t>> seen(4);
  std::vector<std::thread> threads;
  for (auto& mine : seen) {
    threads.emplace_back([&mine, &functions] {
      for (std::size_t i = 0; i < std::min<std::size_t>(functions.size(), 30'000); i++) {
        unwind_row scratch;
        mine.push_back(runtime::row_of(functions[i] + 1, scratch).function);
        EXPECT_TRUE(mine.back() == 0 || mine.back() == functions[i]);
      }
    });
  }
  for (auto& t : threads) t.join();
  for (const auto& other : seen) EXPECT_EQ(other, seen.front());
}

/// Says when it goes.
struct mark {
  std::string& trail;
  char name;
  ~mark() { trail += name; }
};

template <class F>
[[gnu::noinline]] void plain(std::string& trail, char name, F f) {
  const mark m{trail, name};
  f();
}

/// A frame whose CFA is an expression: only the system's unwinder leaves it.
template <class F>
[[gnu::noinline]] void aligned(std::string& trail, char name, int n, F f) {
  const mark m{trail, name};
  alignas(128) char wide[256];
  auto* more = static_cast<char*>(__builtin_alloca(static_cast<std::size_t>(n)));
  std::memset(wide, n, sizeof wide);
  std::memset(more, n, static_cast<std::size_t>(n));
  asm volatile("" : : "r"(wide), "r"(more) : "memory");
  f();
}

template <class F>
[[gnu::noinline]] void through_qsort(std::string& trail, char name, F f) {
  const mark m{trail, name};
  static F* current;
  current = &f;
  int two[2] = {2, 1};
  ::qsort(two, 2, sizeof two[0], [](const void*, const void*) {
    (*current)();
    return 0;
  });
}

template <class F>
[[gnu::noinline]] void typed(std::string& trail, F f) {
  try {
    f();
  } catch (const std::exception&) {
    trail += '!';
  } catch (int) {
    trail += '!';
  }
}

template <class F>
[[gnu::noinline]] void passing(std::string& trail, char name, F f) {
  try {
    f();
  } catch (...) {
    trail += name;
    throw;
  }
}

template <class F>
[[gnu::noinline]] void bounded(std::string& trail, char name, F f) {
  func([&] {
    const defer d{[&] { trail += name; }};
    f();
  });
}

std::string every_kind_of_frame(bool by_system) {
  runtime::use_system_unwinder(by_system);
  std::string trail;
  func([&] {
    const defer d{[&] { trail += recover().what(); }};
    plain(trail, 'a', [&] {
      aligned(trail, 'b', 100, [&] {
        bounded(trail, 'c', [&] {
          typed(trail, [&] {
            through_qsort(trail, 'd', [&] {
              passing(trail, 'e', [&] {
                aligned(trail, 'f', 40,
                        [&] { aligned(trail, 'g', 9, [&] { plain(trail, 'h', [&] { panic("end"); }); }); });
              });
            });
          });
        });
      });
    });
  });
  runtime::use_system_unwinder(false);
  return trail;
}

TEST(Unwind, EveryKindOfFrameByBothUnwinders) {
  for (int i = 0; i < 3; i++) {
    EXPECT_EQ(every_kind_of_frame(false), "hgfedcbaend");
    EXPECT_EQ(every_kind_of_frame(true), "hgfedcbaend");
  }
  run([] { EXPECT_EQ(every_kind_of_frame(false), "hgfedcbaend"); });
}

// Registers that callers keep across the calls come back, whoever walked.
TEST(Unwind, CalleeSavedRegistersComeBack) {
  for (const bool by_system : {false, true}) {
    runtime::use_system_unwinder(by_system);
    for (long i = 1; i < 100; i++) {
      std::string trail;
      long a = i, b = 2 * i, c = 3 * i, d = 4 * i, e = 5 * i;
      asm volatile("" : "+r"(a), "+r"(b), "+r"(c), "+r"(d), "+r"(e));
      func([&trail] {
        const defer caught{[] { recover(); }};
        aligned(trail, 'x', 10, [&trail] { plain(trail, 'y', [] { panic(1); }); });
      });
      asm volatile("" : "+r"(a), "+r"(b), "+r"(c), "+r"(d), "+r"(e));
      EXPECT_EQ(a + b + c + d + e, 15 * i);
      EXPECT_EQ(trail, "yx");
    }
  }
  runtime::use_system_unwinder(false);
}

// Ordinary exceptions go through our _Unwind_Resume to the system's.
TEST(Unwind, ExceptionsAreNoneOfItsBusiness) {
  std::string trail;
  try {
    plain(trail, 'a', [&] { plain(trail, 'b', [] { throw std::runtime_error("x"); }); });
  } catch (const std::exception& e) {
    trail += e.what();
  }
  EXPECT_EQ(trail, "bax");
}

}  // namespace
}  // namespace gofer::test
#endif
