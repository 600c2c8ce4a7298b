// A pipeline of channels: one goroutine makes numbers, four square them, main adds up, until a time-out would say that
// it took too long.
#include <chrono>
#include <cstdio>
#include <gofer/gofer.hpp>
#include <optional>

int main() {
  return gofer::run([] {
    constexpr long last = 1000;
    gofer::chan<long> numbers{0}, squares{16};

    gofer::go([numbers] {
      for (long n = 1; n <= last; n++) numbers.send(n);
      numbers.close();
    });

    gofer::go([numbers, squares] {
      gofer::wait_group workers;
      for (int i = 0; i < 4; i++) {
        workers.go([&] {
          for (const long n : numbers) squares.send(n * n);
        });
      }
      workers.wait();
      squares.close();
    });

    const auto deadline = gofer::after(std::chrono::seconds(30));
    long sum = 0;
    for (bool more = true; more;) {
      gofer::select(gofer::recv(squares,
                                [&](std::optional<long> square) {
                                  more = square.has_value();
                                  sum += square.value_or(0);
                                }),
                    gofer::recv(deadline, [&](auto) {
                      std::puts("too slow");
                      more = false;
                    }));
    }
    std::printf("the sum of the first %ld squares is %ld\n", last, sum);
    return sum == last * (last + 1) * (2 * last + 1) / 6 ? 0 : 1;
  });
}
