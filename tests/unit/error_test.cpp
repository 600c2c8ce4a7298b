#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cerrno>
#include <future>
#include <gofer/chan.hpp>
#include <gofer/defer.hpp>
#include <gofer/error.hpp>
#include <gofer/panic.hpp>
#include <gofer/runtime.hpp>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

using gofer::as;
using gofer::error;
using gofer::is;
using gofer::join;
using gofer::make_error;
using gofer::result;
using gofer::unwrap;
using gofer::wrap;

const error base = make_error("base");
const error other = make_error("other");

struct coded {
  int code;
  error cause;
  std::string what() const { return "code " + std::to_string(code); }
  error unwrap() const { return cause; }
};

struct fuzzy {
  const char* what() const { return "fuzzy"; }
  bool is(const error& target) const { return target == other; }
};

struct several {
  std::vector<error> all;
  std::string_view what() const { return "several"; }
  const std::vector<error>& unwrap() const { return all; }
};

struct point {
  int x;
  std::string what() const { return "at " + std::to_string(x); }
  bool operator==(const point&) const = default;
};

inline constinit gofer::detail::sentinel_error eof_node{"EOF"};
inline constinit const error eof{eof_node};

TEST(Error, IsOnePointerAndNullByDefault) {
  static_assert(sizeof(error) == sizeof(void*));
  static_assert(std::is_nothrow_move_constructible_v<error>);
  const error none;
  EXPECT_FALSE(none);
  EXPECT_TRUE(none == nullptr);
  EXPECT_EQ(none, error(nullptr));
  EXPECT_EQ(none.what(), "<nil>");
  EXPECT_EQ(none.chain(), "<nil>");
  EXPECT_EQ(none.stack(), "");
  EXPECT_FALSE(none.code());
  EXPECT_EQ(none.exception(), nullptr);
  EXPECT_EQ(unwrap(none), nullptr);
}

TEST(Error, TwoWithTheSameTextAreDifferent) {
  EXPECT_NE(make_error("base"), base);
  EXPECT_FALSE(is(make_error("base"), base));
  const error copy = base;
  EXPECT_EQ(copy, base);
}

TEST(Error, MakeErrorTakesTextAsItIsAndFormatsWithArguments) {
  EXPECT_EQ(make_error("100% {}").what(), "100% {}");
  EXPECT_EQ(make_error("no route to {}:{}", "host", 80).what(), "no route to host:80");
  EXPECT_EQ(make_error("because: {}", base).what(), "because: base");
  EXPECT_FALSE(is(make_error("because: {}", base), base));
}

TEST(Error, MovedFromIsNull) {
  error a = make_error("x");
  const error b = std::move(a);
  EXPECT_FALSE(a);  // NOLINT(bugprone-use-after-move)
  EXPECT_TRUE(b);
  a = b;
  EXPECT_EQ(a, b);
  const error& same = a;
  a = same;
  EXPECT_EQ(a, b);
}

TEST(Error, WrapKeepsTheCauseAndAddsText) {
  const error w1 = wrap(base, "w1");
  const error w2 = wrap(w1, "reading {} of {}", "a", 2);
  EXPECT_EQ(w2.what(), "reading a of 2: w1: base");
  EXPECT_EQ(unwrap(w2), w1);
  EXPECT_EQ(unwrap(w1), base);
  EXPECT_EQ(unwrap(base), nullptr);
  EXPECT_TRUE(is(w2, base));
  EXPECT_TRUE(is(w2, w1));
  EXPECT_FALSE(is(w1, w2));
  EXPECT_FALSE(is(w2, other));
  EXPECT_EQ(wrap(base, "{} not a format").what(), "{} not a format: base");
}

TEST(Error, WrapOfNullIsNull) {
  EXPECT_EQ(wrap(nullptr, "x"), nullptr);
  EXPECT_EQ(wrap(error(), "x {}", 1), nullptr);
  EXPECT_EQ(gofer::with_stack(nullptr), nullptr);
}

TEST(Error, NullIsOnlyNull) {
  EXPECT_TRUE(is(nullptr, error()));
  EXPECT_FALSE(is(base, error()));
  EXPECT_FALSE(is(error(), base));
}

TEST(Error, AsFindsTheFirstOfItsTypeInTheChain) {
  const error c = coded{42, wrap(base, "w")};
  const error top = wrap(c, "top");
  ASSERT_NE(as<coded>(top), nullptr);
  EXPECT_EQ(as<coded>(top), as<coded>(c));
  EXPECT_EQ(as<coded>(top)->code, 42);
  EXPECT_EQ(as<coded>(base), nullptr);
  EXPECT_EQ(as<fuzzy>(top), nullptr);
  EXPECT_TRUE(is(top, base)) << "through coded's own unwrap";
  const error outer = coded{1, top};
  EXPECT_EQ(as<coded>(outer)->code, 1);
  EXPECT_EQ(make_error(coded{7, {}}).what(), "code 7");
}

TEST(Error, JoinSkipsNullsAndIsFollowedByIsAndAs) {
  const error c = coded{42, base};
  const error j = join(other, nullptr, wrap(c, "top"));
  EXPECT_EQ(j.what(), "other\ntop: code 42");
  EXPECT_TRUE(is(j, base));
  EXPECT_TRUE(is(j, other));
  EXPECT_EQ(as<coded>(wrap(j, "x")), as<coded>(c));
  EXPECT_EQ(unwrap(j), nullptr);
  EXPECT_EQ(join(), nullptr);
  EXPECT_EQ(join(nullptr, error()), nullptr);
  const std::vector<error> list{nullptr, base};
  EXPECT_EQ(join(list).what(), "base");
  EXPECT_NE(join(list), base) << "Go's Join of one error is a new one";
}

TEST(Error, OwnTypesMayDecideWhatTheyAre) {
  const error f = fuzzy{};
  EXPECT_TRUE(is(f, other));
  EXPECT_FALSE(is(f, base));
  EXPECT_TRUE(is(join(base, f), other));
  const error s = several{{base, wrap(other, "o")}};
  EXPECT_EQ(s.what(), "several");
  EXPECT_TRUE(is(s, base));
  EXPECT_TRUE(is(s, other));
  EXPECT_EQ(unwrap(s), nullptr);
}

TEST(Error, ComparableValuesCompareByValue) {
  EXPECT_EQ(error(point{1}), error(point{1}));
  EXPECT_NE(error(point{1}), error(point{2}));
  EXPECT_TRUE(is(wrap(error(point{3}), "w"), point{3}));
  EXPECT_NE(error(fuzzy{}), error(fuzzy{})) << "no operator==: by identity";
}

TEST(Error, FromErrorCode) {
  EXPECT_EQ(error(std::error_code()), nullptr);
  const std::error_code refused = std::make_error_code(std::errc::connection_refused);
  const error e = refused;
  EXPECT_EQ(e.what(), refused.message());
  EXPECT_EQ(e.code(), refused);
  EXPECT_EQ(e, error(refused));
  const error w = wrap(e, "dial");
  EXPECT_TRUE(is(w, std::errc::connection_refused));
  EXPECT_FALSE(is(w, std::errc::timed_out));
  EXPECT_TRUE(is(w, refused));
  EXPECT_EQ(w.code(), refused);
  ASSERT_NE(as<std::error_code>(w), nullptr);
  EXPECT_EQ(*as<std::error_code>(w), refused);
  const error from_enum = std::future_errc::no_state;
  EXPECT_EQ(from_enum.code(), std::make_error_code(std::future_errc::no_state));
  EXPECT_FALSE(base.code());
}

TEST(Error, ErrnoErrorHasGosText) {
  using gofer::detail::errno_error;
  EXPECT_EQ(errno_error(0), nullptr);
  EXPECT_EQ(errno_error(ECONNREFUSED).what(), "connection refused");
  EXPECT_EQ(errno_error(EADDRINUSE).what(), "address already in use");
  EXPECT_EQ(errno_error(EMFILE).what(), "too many open files");
  EXPECT_EQ(errno_error(EPIPE).what(), "broken pipe");
  EXPECT_EQ(errno_error(ENOENT).what(), "no such file or directory");
  EXPECT_EQ(errno_error(EREMCHG).what(), "remote address changed");
  EXPECT_EQ(errno_error(ERFKILL).what(), "operation not possible due to RF-kill");
  EXPECT_EQ(errno_error(EDOTDOT).what(), "RFS specific error");
  EXPECT_EQ(errno_error(4095).what(), "errno 4095");
  EXPECT_TRUE(is(wrap(errno_error(ECONNREFUSED), "connect"), std::errc::connection_refused));
  EXPECT_EQ(errno_error(EPIPE), error(std::error_code(EPIPE, std::system_category())));
}

TEST(Error, FromException) {
  EXPECT_EQ(error(std::exception_ptr()), nullptr);
  const error e = std::make_exception_ptr(std::out_of_range("too far"));
  EXPECT_EQ(e.what(), "too far");
  ASSERT_NE(as<std::out_of_range>(e), nullptr);
  EXPECT_NE(as<std::logic_error>(wrap(e, "w")), nullptr) << "by its base class, as a catch clause";
  EXPECT_NE(as<std::exception>(e), nullptr);
  EXPECT_EQ(as<std::runtime_error>(e), nullptr);
  EXPECT_EQ(error(std::make_exception_ptr(42)).what(), "exception of type int");
  EXPECT_EQ(*as<int>(error(std::make_exception_ptr(42))), 42);
  EXPECT_EQ(error(std::make_exception_ptr(std::string("text"))).what(), "text");
  const error io = std::make_exception_ptr(std::system_error(std::make_error_code(std::errc::io_error), "disk"));
  EXPECT_TRUE(is(io, std::errc::io_error));
  EXPECT_EQ(io.code(), std::errc::io_error);
}

TEST(Error, FromCurrentExceptionFollowsNestedOnes) {
  error e;
  try {
    try {
      throw std::runtime_error("inner");
    } catch (...) {
      std::throw_with_nested(std::logic_error("outer"));
    }
  } catch (...) {
    e = std::current_exception();
  }
  EXPECT_EQ(e.what(), "outer");
  EXPECT_EQ(unwrap(e).what(), "inner");
  EXPECT_NE(as<std::runtime_error>(e), nullptr);
  EXPECT_EQ(e.chain(), "outer\n  inner");
}

TEST(Error, ToExceptionAndBack) {
  const std::exception_ptr thrown = std::make_exception_ptr(std::runtime_error("x"));
  EXPECT_EQ(error(thrown).exception(), thrown);
  const error w = wrap(base, "w");
  try {
    std::rethrow_exception(w.exception());
    FAIL() << "not thrown";
  } catch (const gofer::error_exception& e) {
    EXPECT_STREQ(e.what(), "w: base");
    EXPECT_EQ(e.err(), w);
    EXPECT_EQ(error(std::current_exception()), w) << "the error itself, not one more around it";
  }
}

TEST(Error, ExceptionValuesAreErrorsAndAreNotSliced) {
  const error e = std::runtime_error("by value");
  EXPECT_EQ(e.what(), "by value");
  EXPECT_NE(as<std::runtime_error>(e), nullptr);
  try {
    throw std::out_of_range("derived");
  } catch (const std::exception& caught) {
    const error kept = caught;
    EXPECT_EQ(kept.what(), "derived");
    EXPECT_EQ(as<std::exception>(kept), nullptr);
  }
}

TEST(Error, Prints) {
  std::ostringstream out;
  out << wrap(base, "w") << ' ' << error();
  EXPECT_EQ(out.str(), "w: base <nil>");
  EXPECT_EQ(fmt::format("{}|{}", base, error()), "base|<nil>");
}

TEST(Error, ChainShowsEveryErrorOnItsOwnLine) {
  const error top = wrap(coded{42, wrap(base, "w1")}, "top");
  EXPECT_EQ(top.chain(), "top: code 42\n  code 42\n    w1: base\n      base");
  const error j = wrap(join(other, wrap(base, "w")), "both");
  EXPECT_EQ(j.chain(), "both: other\nw: base\n  2 errors:\n    other\n    w: base\n      base");
}

TEST(Error, SentinelsAreConstantInitializedAndNeverCounted) {
  const error copy = eof;
  EXPECT_EQ(copy, eof);
  EXPECT_EQ(eof.what(), "EOF");
  EXPECT_TRUE(is(wrap(eof, "read"), eof));
  error moved = copy;
  const error again = std::move(moved);
  EXPECT_EQ(again, eof);
}

// Freeing a chain recursed once: this one is too long for the stack.
TEST(Error, LongChainsAreFreedWithoutRecursion) {
  gofer::run([] {
    gofer::chan<> over{0};
    gofer::go(gofer::spawn_options{.stack_size = 64 * 1024}, [over] {
      error e = base;
      for (int i = 0; i < 5000; i++) e = wrap(e, "");
      EXPECT_TRUE(is(e, base));
      e = nullptr;
      over.close();
    });
    over.recv();
  });
}

TEST(Error, IsSharedBetweenThreads) {
  static std::atomic<int> alive{0};
  struct counted {
    counted() { alive++; }
    counted(const counted&) { alive++; }
    ~counted() { alive--; }
    const char* what() const { return "counted"; }
  };
  {
    const error shared = counted{};
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; i++) {
      threads.emplace_back([shared] {
        std::vector<error> copies;
        for (int n = 0; n < 1000; n++) copies.push_back(n % 2 == 0 ? shared : wrap(shared, "w"));
        for (const error& e : copies) EXPECT_TRUE(is(e, shared));
      });
    }
    for (auto& t : threads) t.join();
    EXPECT_EQ(alive, 1);
  }
  EXPECT_EQ(alive, 0);
}

result<int> half(int n) {
  if (n % 2 != 0) return {{}, make_error("odd: {}", n)};
  return {n / 2};
}

result<std::unique_ptr<int>> boxed(int n) { return {std::make_unique<int>(n)}; }

result<void> check(bool ok) {
  if (!ok) return {base};
  return {};
}

TEST(Result, IsTakenApart) {
  auto [v, err] = half(4);
  EXPECT_EQ(v, 2);
  EXPECT_FALSE(err);
  auto [none, why] = half(3);
  EXPECT_EQ(none, 0);
  EXPECT_EQ(why.what(), "odd: 3");
  EXPECT_EQ(check(false).err, base);
}

TEST(Must, GivesTheValue) {
  EXPECT_EQ(gofer::must(half(8)), 4);
  EXPECT_EQ(*gofer::must(boxed(3)), 3);
  gofer::must(check(true));
  gofer::must(error());
}

TEST(Must, PanicsWithTheError) {
  auto panics_with = [](auto&& f) {
    return gofer::func([&](error& err) {
      gofer::defer d{[&] {
        const gofer::panic_value p = gofer::recover();
        ASSERT_TRUE(p);
        ASSERT_NE(p.as<error>(), nullptr);
        err = *p.as<error>();
      }};
      f();
    });
  };
  EXPECT_EQ(panics_with([] { gofer::must(check(false)); }), base);
  EXPECT_EQ(panics_with([] { gofer::must(half(5)); }).what(), "odd: 5");
  EXPECT_EQ(panics_with([] { gofer::must(other); }), other);
}

__attribute__((noinline)) error fails_here() { return gofer::with_stack(make_error("deep")); }

TEST(WithStack, ShowsWhereItWasCalled) {
  const error e = wrap(fails_here(), "outer");
  EXPECT_EQ(e.what(), "outer: deep");
  EXPECT_NE(e.stack().find("fails_here"), std::string::npos) << e.stack();
  EXPECT_NE(e.stack().find("error_test.cpp:"), std::string::npos) << e.stack();
  const std::string chain = e.chain();
  EXPECT_EQ(chain.find("outer: deep\n  deep\n"), 0U) << chain;
  EXPECT_NE(chain.find("fails_here"), std::string::npos) << chain;
  EXPECT_EQ(base.stack(), "");
  EXPECT_EQ(gofer::with_stack(e), e) << "the first one says where it began";
}

}  // namespace
