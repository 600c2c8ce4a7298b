// Values of named types are reported with the type's name, unless the type says how it is printed; pointers as type and
// address. A type outside all namespaces is Go's main.T.
#include <array>
#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

#include "go.hpp"

enum class Int : int {};
enum class Neg : std::int8_t {};
enum Unsigned : std::uint16_t {};
enum class Flag : bool {};
struct Name : std::string {
  using std::string::string;
};
struct Pair {
  int a, b;
};
enum Level : int {};

std::ostream& operator<<(std::ostream& os, Level) { return os << "level"; }

int main() {
  return gofer::run([] {
    GOFER_DEFER(gofer::panic(Int{5}));
    GOFER_DEFER(gofer::panic(Neg{-8}));
    GOFER_DEFER(gofer::panic(Unsigned{65535}));
    GOFER_DEFER(gofer::panic(Flag{true}));
    GOFER_DEFER(gofer::panic(Name("two\nlines")));
    GOFER_DEFER(gofer::panic(Level{3}));
    GOFER_DEFER(gofer::panic(static_cast<Pair*>(nullptr)));
    GOFER_DEFER(gofer::panic(static_cast<int*>(nullptr)));
    GOFER_DEFER(gofer::panic(static_cast<Pair**>(nullptr)));
    GOFER_DEFER(gofer::panic(static_cast<std::vector<Int>*>(nullptr)));
    GOFER_DEFER(gofer::panic(static_cast<std::array<std::uint8_t, 3>*>(nullptr)));
    gofer::panic("start");
  });
}
