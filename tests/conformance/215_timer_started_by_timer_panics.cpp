// A timer's function starts a second timer, whose function panics: created by no goroutine of the program.
#include <chrono>

#include "go.hpp"

using namespace std::chrono_literals;

int main() {
  return gofer::run([] {
    gofer::after_func(1ms, [] {
      gofer::after_func(1ms, [] { gofer::panic("nested timer"); });
      gofer::select();
    });
    gofer::select();
  });
}
