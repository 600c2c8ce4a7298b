#include "runtime/debuginfo.hpp"

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <link.h>
#include <sys/resource.h>

#include <cstdint>
#include <vector>

namespace gofer::runtime {
namespace {

__attribute__((noinline)) std::uintptr_t some_address() {
  return reinterpret_cast<std::uintptr_t>(__builtin_return_address(0));
}

loaded_file this_program() {
  Dl_info info;
  void* map = nullptr;
  dladdr1(reinterpret_cast<void*>(some_address), &info, &map, RTLD_DL_LINKMAP);
  return {static_cast<const link_map*>(map)->l_addr, "/proc/self/exe", "this program"};
}

TEST(Debuginfo, FindsFunctionFileAndLine) {
  debuginfo di;
  std::vector<frame> out;
  const std::uintptr_t pc = some_address();
  const int line = __LINE__ - 1;
  ASSERT_TRUE(di.lookup(this_program(), pc - 1, out));
  ASSERT_FALSE(out.empty());
  EXPECT_EQ(out.front().function,
            "gofer::runtime::(anonymous namespace)::Debuginfo_FindsFunctionFileAndLine_Test::TestBody");
  EXPECT_TRUE(out.front().file.starts_with('/') && out.front().file.ends_with("/debuginfo_test.cpp"))
      << out.front().file;
  EXPECT_EQ(out.front().line, line);
  EXPECT_GT(out.front().offset, 0u);
  EXPECT_FALSE(out.back().inlined);
}

TEST(Debuginfo, CanBeAskedAgainWhenThereWereNoDescriptors) {
  rlimit before;
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit none{3, before.rlim_max};
  debuginfo di;
  std::vector<frame> out;
  const loaded_file file = this_program();
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  const bool answered = di.lookup(file, some_address() - 1, out);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_FALSE(answered);
  EXPECT_TRUE(out.empty());
  EXPECT_TRUE(di.lookup(file, some_address() - 1, out));
  EXPECT_TRUE(out.front().file.starts_with('/') && out.front().file.ends_with("/debuginfo_test.cpp"))
      << out.front().file;
}

TEST(Debuginfo, SaysSoWhenNothingIsKnown) {
  debuginfo di;
  std::vector<frame> out;
  ASSERT_TRUE(di.lookup(this_program(), this_program().bias + 1, out));
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(out[0].function, "?");
  EXPECT_EQ(out[0].file, "this program");
  EXPECT_EQ(out[0].line, 0);
  EXPECT_EQ(out[0].offset, 2u);
}

}  // namespace
}  // namespace gofer::runtime
