// The bare switch of Boost.Context, there and back between two stacks: what a portable runtime can at best be.
#include <boost/context/detail/fcontext.hpp>
#include <cstddef>
#include <memory>

#include "common/measure.hpp"

namespace context = boost::context::detail;

int main(int argc, char** argv) {
  bench::arguments asked;
  if (!asked.read(argc, argv) || asked.bench != "switch" || asked.workers != 1) return bench::no_such_bench;
  const std::int64_t n = asked.n != 0 ? asked.n : 5'000'000;
  constexpr std::size_t size = std::size_t{64} << 10;
  const auto stack = std::make_unique<std::byte[]>(size);
  context::fcontext_t other = context::make_fcontext(stack.get() + size, size, [](context::transfer_t from) {
    for (;;) from = context::jump_fcontext(from.fctx, nullptr);
  });
  const bench::stopwatch time;
  for (std::int64_t i = 0; i < n; i++) other = context::jump_fcontext(other, nullptr).fctx;
  bench::print("switch", time.ns_per(2 * n), "ns/yield");
}
