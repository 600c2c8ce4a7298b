// A server's requests under its context: one is answered, one times out, one is left by its client, one is ended by the
// server; then what contexts say afterwards.
#include <array>
#include <chrono>
#include <string>
#include <vector>

#include "go.hpp"

using namespace std::chrono_literals;
using conformance::println;
using conformance::receive;
using conformance::sprint;
using gofer::context;
using gofer::error;

struct user {
  std::string name;
};

enum class key { user, trace };

struct answer {
  int id = 0;
  std::string text;
  error err;
};

gofer::result<std::string> backend(const context& ctx, const gofer::chan<>& work) {
  gofer::result<std::string> r;
  gofer::select(gofer::recv(work,
                            [&] {
                              const user* u = ctx.value<user>(key::user);
                              const int* trace = ctx.value<int>(key::trace);
                              r.value = sprint("hello ", u != nullptr ? u->name : "", " ",
                                               trace != nullptr ? *trace : 0, " ", trace != nullptr);
                            }),
                gofer::recv(ctx.done(), [&] { r.err = gofer::wrap(ctx.cause(), "backend"); }));
  return r;
}

int main() {
  return gofer::run([] {
    const error err_shutdown = gofer::make_error("server is shutting down");
    const error err_slow = gofer::make_error("too slow");
    auto [server, shutdown] = gofer::with_cancel_cause(gofer::background());
    gofer::wait_group cleaned;
    cleaned.add(1);
    std::vector<std::string> log;
    const auto stop_log = gofer::after_func(server, [&, ctx = server] {
      log.push_back(sprint("cleanup: ", ctx.err(), ", ", ctx.cause()));
      cleaned.done();
    });

    std::array<gofer::chan<answer>, 4> results;
    for (auto& c : results) c = gofer::make_chan<answer>();
    const gofer::chan<> work{1};
    const auto request = [&](int id, const context& ctx, const gofer::chan<>& w) {
      gofer::go([=, c = results[static_cast<std::size_t>(id)]] {
        auto [text, err] = backend(ctx, w);
        c.send({id, text, err});
      });
    };

    const context ctx0 = with_value(with_value(server, key::user, user{"ann"}), key::trace, 7);
    work.send();
    request(0, ctx0, work);
    answer r = receive(results[0]);
    println(r.id, r.text, r.err);

    auto [ctx1, cancel1] = gofer::with_timeout(server, 1ms, err_slow);
    gofer::defer d1{cancel1};
    request(1, ctx1, nullptr);
    r = receive(results[1]);
    println(r.id, r.text, r.err, is(r.err, err_slow), ctx1.err());

    auto [ctx2, cancel2] = gofer::with_cancel(with_value(server, key::user, user{"bob"}));
    request(2, ctx2, nullptr);
    cancel2();
    r = receive(results[2]);
    println(r.id, r.text, r.err, is(r.err, context::canceled), server.err());

    auto [ctx3, cancel3] = gofer::with_timeout(server, 1h);
    gofer::defer d3{cancel3};
    const context detached = gofer::without_cancel(ctx3);
    request(3, ctx3, nullptr);
    println("deadlines", ctx3.deadline().has_value(), detached.deadline().has_value(), detached.done() == nullptr);
    shutdown(err_shutdown);
    shutdown(gofer::make_error("ignored"));
    r = receive(results[3]);
    println(r.id, r.text, r.err, is(r.err, err_shutdown), ctx3.err());
    println("detached", detached.err(), detached.cause());
    cleaned.wait();
    println(log[0], stop_log());

    // A child of one that is done; causes that stay what they were first.
    auto [child, cancel] = gofer::with_cancel_cause(ctx2);
    println("child", child.err(), child.cause());
    cancel(gofer::make_error("late"));
    println("child", child.err(), child.cause());
    const auto stop = gofer::after_func(detached, [] { println("never"); });
    const bool stopped = stop();
    println("stopped", stopped, stop());

    // An earlier deadline of the parent's counts.
    auto [outer, cancel_outer] = gofer::with_timeout(gofer::background(), 1ms);
    gofer::defer d4{cancel_outer};
    auto [inner, cancel_inner] = gofer::with_timeout(outer, 1h);
    gofer::defer d5{cancel_inner};
    inner.done().recv();
    const user* nobody = inner.value<user>(key::user);
    println("inner", inner.err(), outer.err(), nobody == nullptr ? "<nil>" : nobody->name);
    auto [past, cancel_past] = gofer::with_deadline(gofer::background(), gofer::time_point::clock::now() - 1s);
    gofer::defer d6{cancel_past};
    println("past", past.err());
  });
}
