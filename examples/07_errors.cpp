// Three ways to fail, each where it belongs. docs/errors.md says how to choose.
#include <charconv>
#include <cstdio>
#include <functional>
#include <gofer/gofer.hpp>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace {

const gofer::error err_empty = gofer::make_error("nothing there");

// Returned: input may be wrong at any time, and the caller knows what to do about it.
gofer::result<int> parse_price(std::string_view text) {
  if (text.empty()) return {{}, err_empty};
  int cents = 0;
  const auto [end, failed] = std::from_chars(text.begin(), text.end(), cents);
  if (failed != std::errc()) return {{}, gofer::wrap(std::make_error_code(failed), "\"{}\" is no price", text)};
  if (end != text.end()) return {{}, gofer::make_error("\"{}\" has something behind the price", text)};
  return {cents};
}

gofer::result<std::vector<int>> parse_all(const std::vector<std::string>& lines) {
  std::vector<int> prices;
  for (std::size_t i = 0; i < lines.size(); i++) {
    const auto [price, err] = parse_price(lines[i]);
    if (gofer::is(err, err_empty)) continue;  // this one is no failure here
    if (err) return {{}, gofer::wrap(err, "line {}", i + 1)};
    prices.push_back(price);
  }
  return {prices};
}

// Thrown: a constructor has no result to return. Whoever calls C++ code that throws turns it into an error at the edge.
class percentage {
 public:
  explicit percentage(int n) : n_(n) {
    if (n < 0 || n > 100) throw std::out_of_range(std::to_string(n) + " is no percentage");
  }
  int of(int cents) const { return cents * n_ / 100; }

 private:
  int n_;
};

gofer::result<int> discount(int cents, int percent) {
  try {
    return {percentage(percent).of(cents)};
  } catch (const std::exception&) {
    return {{}, gofer::wrap(std::current_exception(), "discount")};
  }
}

// Panicked: that there is a third price is what the caller has promised. Going on without would only hide the mistake.
int third(const std::vector<int>& prices) { return gofer::at(prices, 2); }

// One job of many: a mistake in it ends it, and nothing else.
void job(const char* name, const std::function<void()>& work) {
  gofer::func([&] {
    gofer::defer d{[&] {
      if (const gofer::panic_value p = gofer::recover()) std::printf("%s: panicked: %s\n", name, p.what().c_str());
    }};
    work();
  });
}

}  // namespace

int main() {
  return gofer::run([] {
    const auto [prices, err] = parse_all({"100", "", "250x"});
    std::printf("returned: %s\n", err.what().c_str());
    const auto [none, too_big] = parse_price("99999999999");
    std::printf("returned: %s (out of range: %s)\n", too_big.what().c_str(),
                gofer::is(too_big, std::errc::result_out_of_range) ? "yes" : "no");
    const auto [cents, refused] = discount(100, 120);
    std::printf("thrown:   %s\n%s\n", refused.what().c_str(), refused.chain().c_str());
    job("third", [] { std::printf("%d\n", third(gofer::must(parse_all({"100", "250"})))); });
    job("must", [] { gofer::must(parse_price("ten")); });
  });
}
