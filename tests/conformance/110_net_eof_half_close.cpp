// Half close: after close_write the peer reads the data, then EOF again and again, and can still answer; writes on the
// closed half fail; many connections echo at once.
//
// differs: CloseRead has no counterpart, its line is left out.
#include <array>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "go.hpp"

using conformance::println;
using conformance::receive;
using conformance::sprint;
using namespace std::string_view_literals;

/// strings.Repeat
std::string repeat(const std::string& s, int count) {
  std::string out;
  for (int i = 0; i < count; i++) {
    out += s;
  }
  return out;
}

int main() {
  return gofer::run([] {
    gofer::net::listener l = gofer::must(gofer::net::listen("tcp", "127.0.0.1:0"));
    gofer::chan<gofer::net::conn> acc = gofer::make_chan<gofer::net::conn>(0);
    gofer::go([l, acc] {
      for (;;) {
        auto c = l.accept();
        if (c.err) {
          acc.close();
          return;
        }
        acc.send(c.value);
      }
    });
    auto dial = [address = l.addr().str()] { return gofer::must(gofer::net::dial("tcp", address)); };
    gofer::net::conn a = dial();
    gofer::net::conn b = receive(acc);
    a.write("request"sv);
    println("CloseWrite:", a.close_write());
    auto data = gofer::io::read_all(b);
    println("peer read:", data.value, data.err);
    std::array<char, 1> one;
    auto r = b.read(one);
    println("EOF again:", r.value, r.err);
    b.write("answer"sv);
    r = a.write("x"sv);
    println("write on the closed half:", static_cast<bool>(r.err), sprint(r.err).ends_with("broken pipe"));
    b.close();
    data = gofer::io::read_all(a);
    println("answer:", data.value, data.err);
    r = a.read(std::span<char>());
    println("zero-length read:", r.value, r.err);
    a.close();

    constexpr int conns = 50;
    constexpr int rounds = 20;
    gofer::go([acc] {
      for (gofer::net::conn c : acc) {
        gofer::go([c] {
          gofer::io::copy(c, c);
          c.close();
        });
      }
    });
    gofer::wait_group wg;
    gofer::chan<std::string> bad = gofer::make_chan<std::string>(conns);
    for (int i = 0; i < conns; i++) {
      wg.add(1);
      gofer::go([&wg, &dial, bad, i] {
        gofer::defer d1{[&] { wg.done(); }};
        gofer::net::conn c = dial();
        gofer::defer d2{[&] { c.close(); }};
        for (int k = 0; k < rounds; k++) {
          const std::string msg = repeat(sprint(i, "/", k, ";"), 50);
          gofer::go([c, msg] { c.write(msg); });
          std::string got(msg.size(), '\0');
          if (auto [n, err] = gofer::io::read_full(c, got); err || got != msg) {
            bad.send(sprint("mismatch ", err));
            return;
          }
        }
      });
    }
    wg.wait();
    println("echo failures:", bad.len());
    l.close();
  });
}
