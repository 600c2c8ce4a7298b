// Read, write and accept deadlines: the error text and kind, data kept for later reads, deadlines in the past, moved,
// cleared, and set while blocked.
//
// Times that a loaded machine would miss are longer than in the Go program.
#include <chrono>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "go.hpp"

using conformance::println;
using conformance::receive;
using conformance::sprint;
using namespace std::chrono_literals;
using namespace std::string_view_literals;

/// io.Discard
struct discard {
  gofer::result<std::size_t> write(std::span<const char> from) { return {from.size(), {}}; }
};

gofer::time_point now() { return gofer::time_point::clock::now(); }

void show(const std::string& name, std::size_t n, const gofer::error& err) {
  if (!err) {
    println(name, n, "ok");
    return;
  }
  const std::string text = sprint(err);
  println(name, n, "tail:", text.substr(text.rfind(": ") + 2), "timeout:", gofer::net::is_timeout(err),
          "deadline:", gofer::is(err, gofer::os::err_deadline_exceeded));
}

struct pair_t {
  gofer::net::conn a;
  gofer::net::conn b;
  gofer::net::listener l;
};

pair_t pair() {
  gofer::net::listener l = gofer::must(gofer::net::listen("tcp", "127.0.0.1:0"));
  gofer::chan<gofer::net::conn> c = gofer::make_chan<gofer::net::conn>(0);
  gofer::go([l, c] {
    auto x = l.accept();
    c.send(x.value);
  });
  gofer::net::conn a = gofer::must(gofer::net::dial("tcp", l.addr().str()));
  gofer::net::conn b = receive(c);
  return {a, b, l};
}

int main() {
  return gofer::run([] {
    auto [a_, b, l] = pair();
    const gofer::net::conn a = a_;  // Clang 14 cannot capture structured bindings
    std::vector<char> buf(100);
    const gofer::time_point t0 = now();  // before the deadline: in between a busy machine may take its time
    a.set_read_deadline(now() + 20ms);
    auto r = a.read(buf);
    show("read deadline", r.value, r.err);
    println("waited:", now() - t0 >= 20ms);
    r = a.read(buf);
    show("still expired", r.value, r.err);
    b.write("hello"sv);
    gofer::sleep(10ms);
    r = a.read(buf);
    show("expired although data is there", r.value, r.err);
    a.set_read_deadline(gofer::time_point());
    r = a.read(buf);
    show("cleared: " + std::string(buf.data(), r.value), r.value, r.err);
    a.set_read_deadline(now() - 1h);
    r = a.read(buf);
    show("in the past", r.value, r.err);
    r = a.write("w"sv);
    show("write unaffected", r.value, r.err);

    a.set_deadline(gofer::time_point());
    gofer::chan<std::string> res = gofer::make_chan<std::string>(0);
    gofer::go([a, &buf, res] {
      auto got = a.read(buf);
      res.send(sprint(gofer::is(got.err, gofer::os::err_deadline_exceeded)));
    });
    gofer::sleep(20ms);
    a.set_read_deadline(gofer::time_point() + 1ns);
    println("deadline set while blocked wakes the reader:", receive(res));
    a.set_read_deadline(now() + 200ms);
    gofer::go([a, &buf, res] {
      auto got = a.read(buf);
      res.send(sprint(got.value, " ", got.err));
    });
    gofer::sleep(5ms);
    a.set_read_deadline(now() + 1h);
    gofer::sleep(250ms);
    b.write("xyz"sv);
    println("deadline moved later:", receive(res));

    // Before the deadline is set: Go's are zero pages not yet touched, these are written now.
    const std::vector<char> big(1 << 26);
    a.set_write_deadline(now() + 30ms);
    r = a.write(big);
    show("write deadline, partial: " + sprint(r.value > 0 && r.value < big.size()), 0, r.err);
    a.set_write_deadline(now() - 1ns);
    r = a.write("x"sv);
    show("write in the past", r.value, r.err);
    a.close();
    auto [k, err] = gofer::io::copy(discard(), b);
    println("peer drains the partial write:", k > 0, err);

    l.set_deadline(now() + 10ms);
    auto c = l.accept();
    show("accept", 0, c.err);
    l.set_deadline(gofer::time_point());
    gofer::go([addr = l.addr().str()] { static_cast<void>(gofer::net::dial("tcp", addr)); });
    c = l.accept();
    show("accept after clearing", 0, c.err);
    c.value.close();
    b.close();
    l.close();

    gofer::net::packet_conn u = gofer::must(gofer::net::listen_packet("udp", "127.0.0.1:0"));
    u.set_read_deadline(now() + 10ms);
    auto from = u.read_from(buf);
    show("udp", from.value.first, from.err);
    u.close();
  });
}
