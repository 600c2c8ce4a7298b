// How each basic kind of panic value is reported: one panic per deferred call. A rune is an int32 in Go.
#include <complex>
#include <cstdint>
#include <limits>

#include "go.hpp"

using conformance::println;

int main() {
  return gofer::run([] {
    GOFER_DEFER(gofer::panic("a string"));
    GOFER_DEFER(gofer::panic(""));
    GOFER_DEFER(gofer::panic(true));
    GOFER_DEFER(gofer::panic(false));
    GOFER_DEFER(gofer::panic(0));
    GOFER_DEFER(gofer::panic(-42));
    GOFER_DEFER(gofer::panic(std::int8_t{-8}));
    GOFER_DEFER(gofer::panic(std::int16_t{-16}));
    GOFER_DEFER(gofer::panic(std::int32_t{-32}));
    GOFER_DEFER(gofer::panic(std::numeric_limits<std::int64_t>::min()));
    GOFER_DEFER(gofer::panic(7u));
    GOFER_DEFER(gofer::panic(std::uint8_t{255}));
    GOFER_DEFER(gofer::panic(std::uint16_t{65535}));
    GOFER_DEFER(gofer::panic(std::uint32_t{4294967295}));
    GOFER_DEFER(gofer::panic(std::uint64_t{18446744073709551615u}));
    GOFER_DEFER(gofer::panic(std::uintptr_t{10}));
    GOFER_DEFER(gofer::panic(std::int32_t{'A'}));
    GOFER_DEFER(gofer::panic(1.5));
    GOFER_DEFER(gofer::panic(-0.25f));
    GOFER_DEFER(gofer::panic(0.0));
    GOFER_DEFER(gofer::panic(1e100));
    GOFER_DEFER(gofer::panic(std::complex<double>(1, -2)));
    GOFER_DEFER(println("start"));
  });
}
