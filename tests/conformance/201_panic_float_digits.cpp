// Floating-point values are reported with seven digits in the arithmetic of Go's runtime, whose last digit is not
// always the one that rounds best.
#include <complex>
#include <limits>

#include "go.hpp"

int main() {
  return gofer::run([] {
    using limits = std::numeric_limits<double>;
    GOFER_DEFER(gofer::panic(123456.75));
    GOFER_DEFER(gofer::panic(9.9999996));
    GOFER_DEFER(gofer::panic(9.9999994));
    GOFER_DEFER(gofer::panic(-0.0000123456789));
    GOFER_DEFER(gofer::panic(-0.0));
    GOFER_DEFER(gofer::panic(limits::denorm_min()));
    GOFER_DEFER(gofer::panic(limits::max()));
    GOFER_DEFER(gofer::panic(0.1f));
    GOFER_DEFER(gofer::panic(limits::quiet_NaN()));
    GOFER_DEFER(gofer::panic(limits::infinity()));
    GOFER_DEFER(gofer::panic(-limits::infinity()));
    GOFER_DEFER(gofer::panic(std::complex<float>(0.1f, -123456.75f)));
    gofer::panic(2.0 / 3);
  });
}
