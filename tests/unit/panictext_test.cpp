// What panic values are called in reports: Go's texts for Go's kinds of values, and something readable for the rest.
#include <gtest/gtest.h>

#include <array>
#include <complex>
#include <cstdint>
#include <functional>
#include <gofer/gofer.hpp>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

enum class panictext_level : std::int8_t {};

namespace gofer::test {
namespace {

struct pair {
  int a, b;
};
enum class color { red = 1 };
enum weekday { monday = 1 };
enum spoken { hello };
std::ostream& operator<<(std::ostream& os, spoken) { return os << "hello"; }
struct name : std::string {
  using std::string::string;
};

// What recover() calls `value`, its address taken off.
template <class T>
std::string text(T value) {
  std::string t = func([&](std::string& result) {
    defer d{[&] { result = recover().what(); }};
    panic(std::move(value));
  });
  if (const std::size_t address = t.find(") 0x"); address != std::string::npos) t.resize(address + 4);
  return t;
}

TEST(PanicText, NamesTypesAsGoDoes) {
  EXPECT_EQ(text(panictext_level{-3}), "main.panictext_level(-3)");
  struct local {
    int a;
  };
  EXPECT_EQ(text(local{1}), "(main.local) 0x");
  int i = 0;
  EXPECT_EQ(text(&i), "(*int) 0x");
  EXPECT_EQ(text(static_cast<const std::string*>(nullptr)), "(*string) 0x");
  EXPECT_EQ(text(std::array<std::uint8_t, 3>{}), "([3]uint8) 0x");
  EXPECT_EQ(text(std::vector<const double*>{}), "([]*float64) 0x");
  EXPECT_EQ(text(std::vector<std::vector<std::string>>{}), "([][]string) 0x");
  EXPECT_EQ(text(make_chan<std::int64_t>(0)), "(chan int64) 0x");
}

TEST(PanicText, LeavesTypesOfNamespacesTheirNames) {
  EXPECT_EQ(text(pair{1, 2}), "(gofer::test::pair) 0x");
  EXPECT_EQ(text(color::red), "gofer::test::color(1)");
  EXPECT_EQ(text(name("a")), "gofer::test::name(\"a\")");
}

TEST(PanicText, OfAnEnumerationThatSaysHowItIsPrinted) {
  EXPECT_EQ(text(hello), "hello");
  EXPECT_EQ(text(monday), "gofer::test::weekday(1)") << "not operator<<(int)";
}

TEST(PanicText, OfACaptureFreeLambdaIsNotItsAddressAsBool) {
  EXPECT_EQ(text([] {}), "(func()) 0x");
#if defined(__clang__)
  EXPECT_EQ(text([](int) {}), "(func()) 0x");  // its name does not say of what
#else
  EXPECT_EQ(text([](int) {}), "(func(int)) 0x");
#endif
}

TEST(PanicText, OfFloatsIsGosArithmetic) {
  EXPECT_EQ(text(123456.75), "+1.234567e+005");
  EXPECT_EQ(text(-0.0), "-0.000000e+000");
  EXPECT_EQ(text(1e100), "+1.000000e+100");
  EXPECT_EQ(text(std::complex<double>(1.5, -2)), "(+1.500000e+000-2.000000e+000i)");
}

}  // namespace
}  // namespace gofer::test
