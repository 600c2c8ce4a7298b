// dial, when a name has addresses of both families.
#include <dirent.h>

#include <atomic>
#include <gofer/context.hpp>
#include <optional>
#include <string>
#include <thread>

#include "net_util.hpp"
#include "runtime/net/lookup.hpp"
#include "sometimes.hpp"

namespace {

using namespace net_test;
namespace net = gofer::net;
namespace os = gofer::os;

/// While it lives, "both.test" is 127.0.0.1 and then ::1, "both6.test" the other way round.
struct made_up_names {
  made_up_names() {
    gofer::runtime::lookup_for_tests = [](std::string_view host) -> std::vector<std::string> {
      if (host == "both.test") return {"127.0.0.1", "::1"};
      if (host == "both6.test") return {"::1", "127.0.0.1"};
      return {};
    };
  }
  ~made_up_names() { gofer::runtime::lookup_for_tests = nullptr; }
};

bool has_ip6() { return !net::listen("tcp", "[::1]:0").err; }

/// A listener on ::1, and on the same port of 127.0.0.1 nobody who answers.
struct ip4_is_silent {
  ip4_is_silent() {
    for (;;) {
      listener = gofer::must(net::listen("tcp", "[::1]:0"));
      ip4.emplace(listener.addr().port());
      if (ip4->works) break;
    }
    name = "both.test:" + std::to_string(listener.addr().port());
  }
  net::listener listener;
  std::optional<silent_port> ip4;
  std::string name;
};

int sockets_open() {
  int n = 0;
  DIR* dir = ::opendir("/proc/self/fd");
  while (const dirent* entry = ::readdir(dir)) {
    char target[64] = {};
    const std::string link = std::string("/proc/self/fd/") + entry->d_name;
    if (::readlink(link.c_str(), target, sizeof target - 1) > 0 && std::string(target).starts_with("socket:")) n++;
  }
  ::closedir(dir);
  return n;
}

TEST(NetRace, TheOtherFamilyAfterTheHeadStart) {
  if (!has_ip6()) GTEST_SKIP() << "no IPv6 here";
  const made_up_names names;
  on_procs([] {
    const ip4_is_silent there;
    const int sockets = sockets_open();
    const auto start = clock::now();
    net::conn c = gofer::must(net::dial("tcp", there.name));
    EXPECT_GE(clock::now() - start, 300ms);
    EXPECT_EQ(c.remote_addr().str(), there.listener.addr().str());
    EXPECT_TRUE(gofer::must(there.listener.accept()));
    c.close();
    // The loser's socket goes as well.
    while (sockets_open() > sockets) gofer::sleep(1ms);
  });
}

TEST(NetRace, TheOtherFamilyAtOnceWhenTheFirstRefuses) {
  if (!has_ip6()) GTEST_SKIP() << "no IPv6 here";
  const made_up_names names;
  on_procs([] {
    const net::listener l = gofer::must(net::listen("tcp", "[::1]:0"));
    const std::string name = "both.test:" + std::to_string(l.addr().port());
    EXPECT_TRUE(gofer::test::sometimes([&] {
      const auto start = clock::now();
      const net::conn c = gofer::must(net::dial("tcp", name));
      EXPECT_EQ(c.remote_addr().str(), l.addr().str());
      return clock::now() - start < 300ms;
    }));
  });
}

TEST(NetRace, TheFirstFamilyIsPreferred) {
  if (!has_ip6()) GTEST_SKIP() << "no IPv6 here";
  const made_up_names names;
  on_procs([] {
    const net::listener l = gofer::must(net::listen("tcp", ":0"));
    const std::string port = std::to_string(l.addr().port());
    const auto goes_to = [&](const char* name, const char* address) {
      return gofer::test::sometimes(
          [&] { return gofer::must(net::dial("tcp", std::string(name) + ":" + port)).remote_addr().ip() == address; });
    };
    EXPECT_TRUE(goes_to("both.test", "127.0.0.1"));
    EXPECT_TRUE(goes_to("both6.test", "::1"));
  });
}

TEST(NetRace, BothFail) {
  const made_up_names names;
  on_procs([] {
    net::listener l = gofer::must(net::listen("tcp", ":0"));
    const std::string port = std::to_string(l.addr().port());
    l.close();
    const auto r = net::dial("tcp", "both.test:" + port);
    EXPECT_EQ(r.err.what(), "dial tcp 127.0.0.1:" + port + ": connect: connection refused");
    EXPECT_FALSE(r.value);
  });
}

TEST(NetRace, TimeoutAndContextEndBoth) {
  if (!has_ip6()) GTEST_SKIP() << "no IPv6 here";
  const made_up_names names;
  on_procs([] {
    const int sockets = sockets_open();
    {
      const silent_port ip4;
      const std::string name = "both.test:" + ip4.address.substr(ip4.address.rfind(':') + 1);
      const auto timed = net::dial("tcp", name, 5ms);
      EXPECT_TRUE(net::is_timeout(timed.err)) << timed.err;
      auto [ctx, cancel] = gofer::with_cancel(gofer::background());
      gofer::go([cancel = cancel] { cancel(); });
      const auto ended = net::dial("tcp", name, ctx);
      EXPECT_TRUE(gofer::is(ended.err, gofer::context::canceled)) << ended.err;
    }
    while (sockets_open() > sockets) gofer::sleep(1ms);
  });
}

TEST(NetRace, OnAPlainThread) {
  if (!has_ip6()) GTEST_SKIP() << "no IPv6 here";
  const made_up_names names;
  const ip4_is_silent there;
  const net::conn c = gofer::must(net::dial("tcp", there.name));
  EXPECT_EQ(c.remote_addr().str(), there.listener.addr().str());
}

}  // namespace
