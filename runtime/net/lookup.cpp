// Names to addresses, by the system's resolver.
//
// getaddrinfo blocks its thread, cannot be interrupted, and takes as much stack as its plug-ins like. So it runs on a
// goroutine of its own with a bigger stack, in a blocking call; who asked waits for that, for the deadline and for the
// context, whichever comes first, and leaves an answer that comes too late to itself. Rejected: a DNS client of our
// own, which would answer differently from the rest of the machine (nsswitch.conf, mDNS, LDAP).
#include "runtime/net/lookup.hpp"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>
#include <mutex>
#include <new>

#include "runtime/net/interrupt.hpp"
#include "runtime/net/neterror.hpp"
#include "sched/clock.hpp"
#include "sched/futex.hpp"
#include "sched/park.hpp"
#include "sched/proc.hpp"
#include "sched/timer.hpp"

namespace gofer::runtime {

namespace {

// Enough for glibc's own plug-ins several times over; only touched pages cost.
constexpr std::size_t resolver_stack = 512 * 1024;

// Each look-up in progress holds a thread. Go allows 500, or a quarter of the descriptors; a guess in between.
constexpr int max_lookups = 128;

/// Lets max_lookups goroutines through at a time, the others in order. Those of a run that is over neither leave nor
/// come; the next run starts from nothing.
class turnstile {
 public:
  void enter() {
    sched::g* gp = sched::getg();
    lock_.lock();
    if (run_ != gp->sched) {
      run_ = gp->sched;
      inside_ = 0;
      first_ = last_ = nullptr;
    }
    if (inside_ < max_lookups) {
      inside_++;
      lock_.unlock();
      return;
    }
    waiter self{gp, nullptr};
    (first_ == nullptr ? first_ : last_->next) = &self;
    last_ = &self;
    sched::gopark_unlock(&lock_, sched::wait_reason::semacquire);
  }
  void leave() {
    lock_.lock();
    sched::g* next = nullptr;
    if (first_ != nullptr) {
      next = first_->gp;  // takes over the place
      first_ = first_->next;
    } else {
      inside_--;
    }
    lock_.unlock();
    if (next != nullptr) sched::goready(next);
  }

 private:
  struct waiter {
    sched::g* gp;
    waiter* next;
  };
  sched::futex_mutex lock_;
  const sched::schedt* run_ = nullptr;
  int inside_ = 0;
  waiter* first_ = nullptr;
  waiter* last_ = nullptr;
};

turnstile& lookups() {
  static turnstile t;
  return t;
}

/// One getaddrinfo: shared by who asked, who does it, the timer and the context.
struct lookup_call : std::enable_shared_from_this<lookup_call> {
  std::string host;     // empty: none
  std::string service;  // empty: none
  int family = AF_UNSPEC;
  int type = SOCK_STREAM;

  // The answer; written before `done`.
  int gai = 0;
  int errnum = 0;
  std::vector<sockaddr_buffer> found;

  sched::futex_mutex lock;
  sched::g* waiter = nullptr;
  bool done = false;
  bool stopped = false;  // by the deadline or the context

  sched::timer alarm;
  std::shared_ptr<lookup_call> alarm_ref;  // the timer's, while it is armed or runs

  void ask() {
    addrinfo hints{};
    hints.ai_family = family;
    hints.ai_socktype = type;
    if (host.empty()) hints.ai_flags = AI_PASSIVE;
    addrinfo* list = nullptr;
    gai = ::getaddrinfo(host.empty() ? nullptr : host.c_str(), service.empty() ? nullptr : service.c_str(), &hints,
                        &list);
    errnum = errno;
    if (gai != 0) return;
    for (const addrinfo* ai = list; ai != nullptr; ai = ai->ai_next) {
      if (ai->ai_family != AF_INET && ai->ai_family != AF_INET6) continue;
      sockaddr_buffer& s = found.emplace_back();
      std::memcpy(&s.storage, ai->ai_addr, ai->ai_addrlen);
      s.size = ai->ai_addrlen;
    }
    ::freeaddrinfo(list);
  }

  void settle(bool answered) {
    sched::g* gp;
    {
      const std::lock_guard hold(lock);
      (answered ? done : stopped) = true;
      gp = std::exchange(waiter, nullptr);
    }
    if (gp != nullptr) sched::goready(gp);
  }

  /// Blocks until answered (true) or stopped.
  bool wait() {
    lock.lock();
    if (!done && !stopped) {
      waiter = sched::getg();
      sched::gopark_unlock(&lock, sched::wait_reason::io_wait);
      lock.lock();
    }
    const bool answered = done;
    lock.unlock();
    return answered;
  }
};

void resolver_main(void* arg) {
  auto* slot = static_cast<std::shared_ptr<lookup_call>*>(arg);
  const std::shared_ptr<lookup_call> call = std::move(*slot);
  slot->~shared_ptr();
  lookups().enter();
  bool wanted;
  {
    const std::lock_guard hold(call->lock);
    wanted = !call->stopped;
  }
  if (wanted) {
    sched::entersyscall();
    call->ask();
    sched::exitsyscall();
  }
  lookups().leave();
  call->settle(true);
}

void on_alarm(sched::timer*, void* arg) {
  const std::shared_ptr<lookup_call> call = std::move(static_cast<lookup_call*>(arg)->alarm_ref);
  call->settle(false);
}

error ask_resolver(const std::shared_ptr<lookup_call>& call, const patience& limit) {
  if (sched::getg()->plain && limit.deadline == 0 && limit.ctx == nullptr) {
    call->ask();  // a thread that has nothing else to do
    return {};
  }
  sched::g* gp = sched::newproc_prepare({.stack_size = resolver_stack, .name = "resolver", .gopc = nullptr},
                                        sizeof(std::shared_ptr<lookup_call>), alignof(std::shared_ptr<lookup_call>));
  new (gp->entry_arg) std::shared_ptr<lookup_call>(call);
  sched::newproc_start(gp, resolver_main);
  if (limit.deadline != 0) {
    call->alarm.f = on_alarm;
    call->alarm.arg = call.get();
    call->alarm_ref = call;
    sched::timer_start(&call->alarm, limit.deadline);
  }
  bool answered;
  {
    const interrupt on_done(limit.ctx, [call] { call->settle(false); });
    answered = call->wait();
  }
  if (limit.deadline != 0 && sched::timer_stop(&call->alarm)) call->alarm_ref.reset();
  if (answered) return {};
  error err = context_failure(limit.ctx);
  return err ? err : os::err_deadline_exceeded;
}

error dns_failure(const lookup_call& call) {
  net::dns_error failed{.text = {}, .name = call.host};
  switch (call.gai) {
    case EAI_NONAME:
    case EAI_NODATA:
    case EAI_ADDRFAMILY:
      failed.text = "no such host";
      failed.not_found = true;
      break;
    case EAI_SYSTEM:
      failed.text = gofer::detail::errno_error(call.errnum).what();
      failed.is_temporary = call.errnum == EMFILE || call.errnum == ENFILE;
      break;
    default:
      failed.text = ::gai_strerror(call.gai);
      failed.is_temporary = call.gai == EAI_AGAIN;
  }
  return failed;
}

error lookup_stopped(std::string_view host, error why) {
  // As Go reports it: a failed look-up that says whether it was a time-out.
  if (why == os::err_deadline_exceeded || is(why, os::err_deadline_exceeded)) {
    return net::dns_error{.text = why.what(), .name = std::string(host), .timed_out = true, .is_temporary = true};
  }
  return wrap(std::move(why), "lookup {}", host);
}

result<std::uint16_t> parse_port(const network& n, std::string_view text, const patience& limit) {
  if (text.empty()) return {0, {}};
  unsigned port = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), port);
  const bool number = text.find_first_not_of("0123456789") == std::string_view::npos;
  if (number) {
    if (failed != std::errc() || port > 65535) return {0, address_error(text, "invalid port")};
    return {static_cast<std::uint16_t>(port), {}};
  }
  const auto call = std::make_shared<lookup_call>();
  call->service = text;
  call->type = n.type;
  if (error err = ask_resolver(call, limit)) return {0, lookup_stopped(text, std::move(err))};
  if (call->gai != 0 || call->found.empty()) {
    return {0, net::dns_error{.text = "unknown port",
                              .name = std::string(n.is_tcp() ? "tcp/" : "udp/") + std::string(text)}};
  }
  return {from_sockaddr(n, call->found.front()).port(), {}};
}

// The addresses that tests have given this name.
std::vector<net::addr> made_up(const network& n, std::string_view host, std::uint16_t port) {
  std::vector<net::addr> addrs;
  const lookup_seam seam = lookup_for_tests.load(std::memory_order_acquire);
  if (seam == nullptr) return addrs;
  for (const std::string& text : seam(host)) addrs.push_back(parse_ip(n, text, port).value());
  return addrs;
}

bool fits(const network& n, const net::addr& a) { return n.family == AF_UNSPEC || (n.family == AF_INET) == a.is_ip4(); }

}  // namespace

result<std::vector<net::addr>> lookup_ip(const network& n, std::string_view host, std::uint16_t port,
                                         const patience& limit) {
  if (host.empty()) return {{}, net::dns_error{.text = "no such host", .name = {}, .not_found = true}};
  if (const auto ip = parse_ip(n, host, port)) {
    if (!fits(n, *ip)) return {{}, address_error(host, "no suitable address")};
    return {{*ip}, {}};
  }
  if (host.find('\0') != std::string_view::npos) {
    return {{}, net::dns_error{.text = "no such host", .name = std::string(host), .not_found = true}};
  }
  if (auto addrs = made_up(n, host, port); !addrs.empty()) return {std::move(addrs), {}};
  const auto call = std::make_shared<lookup_call>();
  call->host = host;
  call->family = n.family;
  if (error err = ask_resolver(call, limit)) return {{}, lookup_stopped(host, std::move(err))};
  if (call->gai != 0) return {{}, dns_failure(*call)};
  std::vector<net::addr> addrs;
  for (const sockaddr_buffer& s : call->found) {
    const net::addr a = from_sockaddr(n, s);
    const net::addr with_port(n.name, a.kind(), a.bytes(), port, a.scope());
    if (fits(n, a) && std::find(addrs.begin(), addrs.end(), with_port) == addrs.end()) addrs.push_back(with_port);
  }
  if (addrs.empty()) return {{}, address_error(host, "no suitable address")};
  return {std::move(addrs), {}};
}

result<std::vector<net::addr>> resolve(const network& n, std::string_view address, bool passive,
                                       const patience& limit) {
  if (!n.is_ip()) return {{net::addr(n.name, std::string(address))}, {}};
  // Go: an empty address to listen on is any port of every address.
  if (address.empty() && !passive) return {{}, make_error("missing address")};
  auto [parts, malformed] = address.empty() ? decltype(net::split_host_port(address)){} : net::split_host_port(address);
  if (malformed) return {{}, malformed};
  auto [port, bad_port] = parse_port(n, parts.second, limit);
  if (bad_port) return {{}, bad_port};
  std::string_view host = parts.first;
  if (host.empty()) host = n.family == AF_INET ? "0.0.0.0" : "::";
  auto [addrs, failed] = lookup_ip(n, host, port, limit);
  if (failed) return {{}, failed};
  const bool unspecified = addrs.size() == 1 && addrs[0].bytes() == std::array<std::uint8_t, 16>{};
  if (passive || !unspecified) return {std::move(addrs), {}};
  // To dial "every address" is to dial this machine.
  std::vector<net::addr> here;
  if (n.family != AF_INET6) here.push_back(*parse_ip(n, "127.0.0.1", port));
  if (n.family != AF_INET && !addrs[0].is_ip4()) here.push_back(*parse_ip(n, "::1", port));
  return {std::move(here), {}};
}

}  // namespace gofer::runtime
