#include "runtime/funcname.hpp"

#include <gtest/gtest.h>

#include <string>

namespace gofer::runtime {
namespace {

TEST(ShortName, LeavesOutParametersAndReturnTypes) {
  EXPECT_EQ(short_name("f()"), "f");
  EXPECT_EQ(short_name("ns::f(int, char const*)"), "ns::f");
  EXPECT_EQ(short_name("ns::C::m(std::function<void (int)>) const"), "ns::C::m");
  EXPECT_EQ(short_name("ns::C::m() const &"), "ns::C::m");
  EXPECT_EQ(short_name("ns::C::m() &&"), "ns::C::m");
  EXPECT_EQ(short_name("void f<int>(int)"), "f<int>");
  EXPECT_EQ(short_name("std::enable_if<(4)>(3), int>::type ns::g<int>(int)"), "ns::g<int>");
  EXPECT_EQ(short_name("unsigned long h<char>(char)"), "h<char>");
  EXPECT_EQ(short_name("decltype(auto) ns::f<int>(int)"), "ns::f<int>");
  EXPECT_EQ(short_name("decltype ((declval<int>)()) ns::f<int>(int)"), "ns::f<int>");
  EXPECT_EQ(short_name("(anonymous namespace)::f(int)"), "(anonymous namespace)::f");
  EXPECT_EQ(short_name("ns::(anonymous namespace)::C<int>::C(int)"), "ns::(anonymous namespace)::C<int>::C");
  EXPECT_EQ(short_name("non-virtual thunk to ns::C::m()"), "ns::C::m");
  EXPECT_EQ(short_name("f[abi:cxx11](int)"), "f");
  EXPECT_EQ(short_name("main"), "main");
}

TEST(ShortName, LeavesOutCloneSuffixes) {
  EXPECT_EQ(short_name("f(int) [clone .cold]"), "f");
  EXPECT_EQ(short_name("ns::f(int) [clone .constprop.0] [clone .isra.0]"), "ns::f");
  EXPECT_EQ(short_name("C::m() const [clone .part.0]"), "C::m");
}

TEST(ShortName, WritesLambdasShort) {
  EXPECT_EQ(short_name("main::{lambda()#1}::operator()() const"), "main::{lambda}");
  EXPECT_EQ(short_name("f(int)::{lambda(char)#2}::operator()(char) const::{lambda()#1}::operator()() const"),
            "f::{lambda}::{lambda}");
  EXPECT_EQ(short_name("auto ns::f(int) const::{lambda(auto:1)#1}::operator()<int>(int) const"),
            "ns::f::{lambda}<int>");
  EXPECT_EQ(short_name("main::{lambda()#1}::_FUN()"), "main::{lambda}::_FUN");
  EXPECT_EQ(short_name("void ns::call<main::{lambda(int)#1}>(main::{lambda(int)#1}&)"), "ns::call<main::{lambda}>");
  EXPECT_EQ(short_name("call<main()::<lambda(int)> >"), "call<main()::{lambda}>");
  EXPECT_EQ(short_name("call<(lambda at f.cpp:3:5) &>"), "call<{lambda} &>");
  EXPECT_EQ(short_name("lambda_calculus::f(int)"), "lambda_calculus::f");
  EXPECT_EQ(short_name("main::$_0::operator()(int) const"), "main::{lambda}");
  EXPECT_EQ(short_name("ns::f()::'lambda'(int)::operator()(int) const"), "ns::f::{lambda}");
}

TEST(ShortName, KnowsOperatorsWithBrackets) {
  EXPECT_EQ(short_name("C::operator()(int) const"), "C::operator()");
  EXPECT_EQ(short_name("C::operator[](unsigned long)"), "C::operator[]");
  EXPECT_EQ(short_name("C::operator<(C const&) const"), "C::operator<");
  EXPECT_EQ(short_name("bool ns::operator< <int>(ns::V<int> const&, ns::V<int> const&)"), "ns::operator<<int>");
  EXPECT_EQ(short_name("ns::operator<<(std::ostream&, int)"), "ns::operator<<");
  EXPECT_EQ(short_name("C::operator->() const"), "C::operator->");
  EXPECT_EQ(short_name("C::operator<=>(C const&) const"), "C::operator<=>");
  EXPECT_EQ(short_name("C::operator bool() const"), "C::operator bool");
  EXPECT_EQ(short_name("C::operator std::vector<int>()"), "C::operator std::vector<int>");
  EXPECT_EQ(short_name("operator new(unsigned long)"), "operator new");
  EXPECT_EQ(short_name("C::operator delete[](void*)"), "C::operator delete[]");
  EXPECT_EQ(short_name("operator\"\" _km(long double)"), "operator\"\" _km");
  EXPECT_EQ(short_name("operators::f(int)"), "operators::f");
}

TEST(ShortName, ShortensTemplateArguments) {
  const std::string text = "std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> >";
  EXPECT_EQ(short_name("ns::S<" + text + " >::run(" + text + ")"), "ns::S<std::string>::run");
  EXPECT_EQ(short_name("f<std::map<int, std::vector<std::pair<int, std::shared_ptr<int> > > > >()"), "f<...>");
  EXPECT_EQ(short_name("f<&(ns::g(int))>(int)"), "f<&(ns::g(int))>");
}

TEST(ShortName, ReturnsWhatItCannotReadUnchanged) {
  EXPECT_EQ(short_name("void (*f<int>(int))(char)"), "void (*f<int>(int))(char)");
  EXPECT_EQ(short_name("f(("), "f((");
  EXPECT_EQ(short_name(""), "");
}

TEST(FunctionName, DemanglesOrCutsSuffixes) {
  EXPECT_EQ(function_name("_ZN2ns1fEi"), "ns::f");
  EXPECT_EQ(function_name("_ZN2ns1fEi.cold"), "ns::f");
  EXPECT_EQ(function_name("main"), "main");
  EXPECT_EQ(function_name("worker.part.0"), "worker");
  EXPECT_EQ(function_name("__libc_start_main@@GLIBC_2.34"), "__libc_start_main");
}

TEST(IsInternal, HidesTheEngineAndTheLanguage) {
  for (const char* name : {"gofer::sched::gopark",
                           "gofer::runtime::chanrecv",
                           "gofer::detail::call<int>",
                           "gofer::http::detail::parse",
                           "gofer::chan<int>::recv",
                           "gofer::func<main::{lambda}>",
                           "gofer::run<main::{lambda}>",
                           "gofer::go<...>",
                           "gofer::defer<main::{lambda}>::~defer",
                           "gofer::panic<std::string>",
                           "gofer::select<...>",
                           "gofer::stack",
                           "gofer_stack_base",
                           "_start",
                           "__libc_start_call_main",
                           "start_thread",
                           "pthread_mutex_lock",
                           "clone3",
                           "_Unwind_ForcedUnwind",
                           "__cxa_throw",
                           "__interceptor_malloc",
                           "std::__invoke_impl<...>",
                           "std::_Function_handler<...>::_M_invoke",
                           "std::function<void ()>::operator()",
                           "main::{lambda}::_FUN",
                           "std::terminate",
                           "__gnu_cxx::__ops::_Iter_less_iter::operator()<...>"}) {
    EXPECT_TRUE(is_internal(name)) << name;
  }
}

TEST(IsInternal, ShowsUsersAndLibraries) {
  for (const char* name : {"main", "main::{lambda}", "worker", "(anonymous namespace)::f", "ns::chan<int>::recv",
                           "gofer::http::server::serve", "gofer::net::conn::read", "gofer::sleep", "gofer::mutex::lock",
                           "gofer::wait_group::wait", "gofer_app::run", "std::vector<int>::at", "std::sort<int*>",
                           "std::__cxx11::basic_string<char>::at", "qsort_r", "runner::go"}) {
    EXPECT_FALSE(is_internal(name)) << name;
  }
}

}  // namespace
}  // namespace gofer::runtime
