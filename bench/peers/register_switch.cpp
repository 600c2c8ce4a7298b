// The floor for x86-64: six registers and the stack pointer are exchanged, and a jump, for a return to where nobody
// called from would be predicted wrong. No floating point control words, no scheduler.
#include <cstddef>
#include <cstdint>
#include <memory>

#include "common/measure.hpp"

extern "C" void bench_switch(void** save, void* to);
asm(R"(
.text
.globl bench_switch
.type bench_switch, @function
bench_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  popq %rcx
  jmp *%rcx
.size bench_switch, . - bench_switch
)");

namespace {

void* here;
void* there;

void body() {
  for (;;) bench_switch(&there, here);
}

}  // namespace

int main(int argc, char** argv) {
  bench::arguments asked;
  if (!asked.read(argc, argv) || asked.bench != "switch" || asked.workers != 1) return bench::no_such_bench;
  const std::int64_t n = asked.n != 0 ? asked.n : 5'000'000;
  constexpr std::size_t words = 8192;
  const auto stack = std::make_unique<void*[]>(words);
  void** top = stack.get() + words - 2;  // 16 bytes to align by
  top -= reinterpret_cast<std::uintptr_t>(top) % 16 / sizeof(void*);
  *--top = nullptr;  // body's return address, which it does not use
  *--top = reinterpret_cast<void*>(&body);
  there = top - 6;
  const bench::stopwatch time;
  for (std::int64_t i = 0; i < n; i++) bench_switch(&here, there);
  bench::print("switch", time.ns_per(2 * n), "ns/yield");
}
