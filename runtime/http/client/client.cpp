// http::client: a request's journey through second attempts and redirects.
#include <algorithm>
#include <gofer/http.hpp>
#include <utility>

#include "runtime/http/client/state.hpp"
#include "runtime/http/url.hpp"

namespace gofer::http {

namespace detail {

namespace {

/// "Get" for "GET".
std::string op_of(const std::string& method) {
  std::string op = method.empty() ? "GET" : method;
  std::transform(op.begin() + 1, op.end(), op.begin() + 1,
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; });
  return op;
}

/// Whether sending it twice does no more than sending it once.
bool may_be_repeated(const client_request& request) {
  if (request.body_stream) return false;
  const std::string& m = request.method;
  return m == "GET" || m == "HEAD" || m == "OPTIONS" || m == "TRACE" || request.headers.has("Idempotency-Key") ||
         request.headers.has("X-Idempotency-Key");
}

bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/// Go's shouldCopyHeaderOnRedirect: secrets go to the same host or below it only.
bool same_family(const std::string& from, const std::string& to) {
  return to == from || (to.size() > from.size() && to.ends_with("." + from));
}

}  // namespace

result<client_response> client_state::send(client_request request) {
  if (request.method.empty()) request.method = "GET";
  const std::string op = op_of(request.method);
  journey j;
  auto [where, malformed] = parse_url(request.url);
  if (malformed) return {{}, url_error{op, request.url, malformed}};
  j.where = std::move(where);
  j.ctx = request.ctx;
  j.request = std::move(request);
  if (options.timeout > std::chrono::nanoseconds(0)) {
    auto [ctx, cancel] = with_timeout(j.ctx, options.timeout);
    j.ctx = ctx;
    j.cancel = cancel;
    j.limited = true;
  }
  result<client_response> r = follow(j);
  if (!r.err) return r;
  if (j.cancel) (*j.cancel)();
  return {{}, url_error{op, j.request.url, std::move(r.err)}};
}

result<client_response> client_state::follow(journey& j) {
  std::vector<std::string> via;
  for (;;) {
    result<client_response> r = round_trip(std::make_shared<const journey>(j));
    if (r.err) return r;
    error err;
    if (!next_hop(j, r.value, via, err)) {
      if (!err) return r;
      r.value.close();
      return {{}, std::move(err)};
    }
    r.value.exchange_->keep_context();
    // The connection is worth as much as reading a small rest. Go's number.
    if (r.value.content_length.value_or(0) <= 2048) {
      char rest[2048];
      r.value.read(rest);
      r.value.read(rest);
    }
    r.value.close();
  }
}

result<client_response> client_state::round_trip(const std::shared_ptr<const journey>& j) {
  constexpr std::string_view awaiting = "Client.Timeout exceeded while awaiting headers";
  for (;;) {
    if (error err = j->ctx.err()) return {{}, j->explain(std::move(err), awaiting)};
    if (error err = enter(*j)) return {{}, j->explain(std::move(err), awaiting)};
    std::unique_ptr<client_connection> c = take_idle(j->where.key());
    if (!c) {
      auto [fresh, err] = connect(*j);
      if (err) {
        leave(j->where.key());
        return {{}, j->explain(std::move(err), awaiting)};
      }
      c = std::move(fresh);
    }
    auto x = std::make_unique<client_exchange>(shared_from_this(), j, std::move(c));
    if (error err = x->start()) {
      const bool stale = x->used_before() && x->unheard() && !j->ctx.err();
      x->keep_context();
      x->finish();
      if (stale && may_be_repeated(j->request)) continue;
      return {{}, j->explain(std::move(err), awaiting)};
    }
    client_response answer;
    response_parser& head = x->head();
    answer.status = head.status();
    answer.reason = std::move(head.reason());
    answer.version = head.version();
    answer.headers = std::move(head.headers());
    if (head.body() == response_parser::framing::none) answer.content_length = 0;
    if (head.body() == response_parser::framing::length || j->request.method == "HEAD") {
      answer.content_length = head.content_length();
    }
    answer.url = j->where.text();
    answer.exchange_ = std::move(x);
    return {std::move(answer), {}};
  }
}

bool client_state::next_hop(journey& j, const client_response& answer, std::vector<std::string>& via,
                            error& err) const {
  client_request& request = j.request;
  if (!is_redirect(answer.status) || !answer.headers.has("Location")) return false;
  const bool keeps_body = answer.status == 307 || answer.status == 308;
  if (keeps_body && request.body_stream) return false;
  const std::string_view location = answer.headers.get("Location");
  auto [where, malformed] = resolve_url(j.where, location);
  if (malformed) {
    err = wrap(malformed, "failed to parse Location header \"{}\"", std::string(location));
    return false;
  }
  via.push_back(request.url);
  client_request next = request;
  if (!keeps_body) {
    if (next.method != "GET" && next.method != "HEAD") next.method = "GET";
    next.body.clear();
    next.body_stream = nullptr;
    next.content_length.reset();
    for (const char* name : {"Content-Type", "Content-Encoding", "Content-Language", "Content-Location", "Expect"}) {
      next.headers.remove(name);
    }
  }
  next.headers.remove("Host");
  if (where.userinfo.empty() && where.host == j.where.host) where.userinfo = j.where.userinfo;
  if (!same_family(j.where.host, where.host)) {
    for (const char* name : {"Authorization", "Www-Authenticate", "Cookie", "Cookie2"}) next.headers.remove(name);
  }
  if (!(j.where.scheme == "https" && where.scheme == "http") && !request.headers.has("Referer")) {
    url referer = j.where;
    referer.userinfo.clear();
    next.headers.set("Referer", referer.text());
  }
  next.url = where.text();
  if (options.check_redirect) {
    err = options.check_redirect(next, via);
    if (err == err_use_last_response) {
      err = nullptr;
      return false;
    }
  } else if (via.size() >= 10) {
    err = make_error("stopped after 10 redirects");
  }
  // As in Go, what failed is the redirect that was not followed.
  if (err) {
    request.url = next.url;
    return false;
  }
  j.where = std::move(where);
  request = std::move(next);
  return true;
}

}  // namespace detail

client_response::client_response() = default;
client_response::client_response(client_response&&) noexcept = default;
client_response& client_response::operator=(client_response&&) noexcept = default;
client_response::~client_response() = default;

result<std::size_t> client_response::read(std::span<char> into) {
  return exchange_ ? exchange_->read(into) : result<std::size_t>{0, io::eof};
}

result<std::string> client_response::body(std::size_t most) {
  std::string text;
  for (;;) {
    const std::size_t had = text.size();
    text.resize(had + 8192);
    const result<std::size_t> got = read(std::span<char>(text).subspan(had));
    text.resize(had + got.value);
    if (text.size() > most) {
      close();
      return {{}, err_body_too_large};
    }
    if (got.err) return {std::move(text), got.err == io::eof ? error() : got.err};
  }
}

void client_response::close() {
  if (exchange_) exchange_->finish();
}

client::client(client_options options) : state_(std::make_shared<detail::client_state>(std::move(options))) {}

result<client_response> client::send(client_request request) const { return state_->send(std::move(request)); }

result<client_response> client::get(std::string_view url, const context& ctx) const {
  return send({.url = std::string(url), .ctx = ctx});
}

result<client_response> client::head(std::string_view url, const context& ctx) const {
  return send({.method = "HEAD", .url = std::string(url), .ctx = ctx});
}

result<client_response> client::post(std::string_view url, std::string_view content_type, std::string body,
                                     const context& ctx) const {
  client_request request{.method = "POST", .url = std::string(url), .body = std::move(body), .ctx = ctx};
  request.headers.set("Content-Type", content_type);
  return send(std::move(request));
}

void client::close_idle() const { state_->close_idle(); }

namespace {

/// Never destroyed: goroutines may still use it when the process ends.
const client& shared_client() {
  static const client& shared = *new client;
  return shared;
}

}  // namespace

result<client_response> send(client_request request) { return shared_client().send(std::move(request)); }
result<client_response> get(std::string_view url, const context& ctx) { return shared_client().get(url, ctx); }
result<client_response> head(std::string_view url, const context& ctx) { return shared_client().head(url, ctx); }
result<client_response> post(std::string_view url, std::string_view content_type, std::string body,
                             const context& ctx) {
  return shared_client().post(url, content_type, std::move(body), ctx);
}

}  // namespace gofer::http
