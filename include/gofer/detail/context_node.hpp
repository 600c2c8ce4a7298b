// A context inside, as far as templates need it: a counted node that holds its parent, and perhaps a value.
#pragma once

#include <atomic>
#include <concepts>
#include <cstdint>
#include <gofer/chan.hpp>
#include <gofer/error.hpp>
#include <gofer/time.hpp>
#include <initializer_list>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <type_traits>
#include <typeinfo>
#include <utility>

namespace gofer::detail {

struct ctx_node;
struct cancel_node;  // runtime/context.hpp
void ctx_retain(ctx_node* node) noexcept;
void ctx_release(ctx_node* node) noexcept;

/// A counted reference to a node; null is the background.
class ctx_ref {
 public:
  ctx_ref() noexcept = default;
  explicit ctx_ref(ctx_node* adopted) noexcept : node_(adopted) {}
  ctx_ref(const ctx_ref& other) noexcept : node_(other.node_) {
    if (node_ != nullptr) ctx_retain(node_);
  }
  ctx_ref(ctx_ref&& other) noexcept : node_(std::exchange(other.node_, nullptr)) {}
  ctx_ref& operator=(ctx_ref other) noexcept {
    std::swap(node_, other.node_);
    return *this;
  }
  ~ctx_ref() {
    if (node_ != nullptr) ctx_release(node_);
  }
  ctx_node* get() const noexcept { return node_; }
  ctx_node* leave() noexcept { return std::exchange(node_, nullptr); }

 private:
  ctx_node* node_ = nullptr;
};

/// What a value is looked up by: the type of its key, and the key; no key when the type of the value is the key.
struct ctx_key {
  const std::type_info& type;
  const void* key;
};

struct ctx_node {
  ctx_node(ctx_ref p, cancel_node* c) noexcept : parent(std::move(p)), canceler(c) {}
  ctx_node(const ctx_node&) = delete;
  ctx_node& operator=(const ctx_node&) = delete;
  virtual ~ctx_node() = default;
  /// Whether the node holds a value under `key`; *value: its address if it is of this type, else null.
  virtual bool lookup(const ctx_key& key, const std::type_info& type, const void** value) const;

  std::atomic<std::uint32_t> refs{1};
  ctx_ref parent;
  cancel_node* canceler;  // the nearest node, this one or above it, that can become done; null: none. Held by `parent`
};

cancel_node* ctx_canceler(const ctx_ref& parent) noexcept;

/// Text is held as std::string, so that it can be compared and outlives its source (as panic does).
template <class T>
using ctx_held_t =
    std::conditional_t<std::is_convertible_v<const T&, std::string_view> && !std::is_same_v<T, std::nullptr_t>,
                       std::string, T>;

struct ctx_no_key {};

template <class Key, class T>
struct ctx_value_node final : ctx_node {
  template <class K, class V>
  ctx_value_node(const ctx_ref& p, K&& k, V&& v)
      : ctx_node(p, ctx_canceler(p)), key(std::forward<K>(k)), value(std::forward<V>(v)) {}
  bool lookup(const ctx_key& wanted, const std::type_info& type, const void** found) const override {
    if constexpr (std::is_same_v<Key, ctx_no_key>) {
      if (wanted.key != nullptr || wanted.type != typeid(T)) return false;
    } else {
      if (wanted.key == nullptr || wanted.type != typeid(Key) || !(*static_cast<const Key*>(wanted.key) == key))
        return false;
    }
    *found = type == typeid(T) ? &value : nullptr;
    return true;
  }
  Key key;
  T value;
};

recv_chan<> ctx_done(const ctx_node* node);
error ctx_err(const ctx_node* node);
error ctx_cause(const ctx_node* node);
std::optional<time_point> ctx_deadline(const ctx_node* node);
const void* ctx_value(const ctx_node* node, const ctx_key& key, const std::type_info& type);
std::stop_token ctx_stop_token(const ctx_node* node);
/// Null cause: context::canceled.
void ctx_cancel(ctx_node* node, error cause);
bool ctx_stop_after(ctx_node* node);
error ctx_sleep(const ctx_node* node, std::int64_t ns);

ctx_ref new_cancel_ctx(const ctx_ref& parent);
ctx_ref new_deadline_ctx(const ctx_ref& parent, time_point deadline, error cause);
ctx_ref new_detached_ctx(const ctx_ref& parent);
ctx_ref new_after_ctx(const ctx_ref& parent, std::unique_ptr<timer_func> f);
ctx_ref new_token_ctx(const ctx_ref& parent, std::stop_token token);
ctx_ref new_signal_ctx(const ctx_ref& parent, std::initializer_list<int> signals);

}  // namespace gofer::detail
