// What chan<T> and select need of the engine in runtime/hchan.cpp and runtime/select.cpp, which knows no T.
//
// The engine moves elements by what elem_type says: by memcpy when T is trivially copyable, else through three
// functions. A T with such functions may do anything in its move constructor (throw, panic, park), so the engine calls
// them with no lock of the scheduler's held; see runtime/hchan.hpp.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <type_traits>
#include <utility>

namespace gofer::detail {

/// What a handle may touch without a call; the rest of a channel is runtime::hchan, derived from this.
struct hchan {
  std::atomic<std::uint32_t> refs{1};
};

struct elem_ops {
  void (*construct)(void* slot, void* from);  // T at slot, moved from *from
  void (*deliver)(void* to, void* from);      // *to is a std::optional<T>
  void (*destroy)(void* slot);
  bool nothrow;  // moving cannot fail
};

struct elem_type {
  std::uint32_t size;  // 0 for empty types: nothing is copied
  std::uint32_t align;
  const elem_ops* ops;  // null: memcpy
};

template <class T>
inline constexpr bool elem_by_memcpy = std::is_trivially_copyable_v<T>;

template <class T>
inline constexpr elem_ops elem_ops_of = {
    [](void* slot, void* from) { ::new (slot) T(std::move(*static_cast<T*>(from))); },
    [](void* to, void* from) { static_cast<std::optional<T>*>(to)->emplace(std::move(*static_cast<T*>(from))); },
    [](void* slot) { std::destroy_at(static_cast<T*>(slot)); },
    std::is_nothrow_move_constructible_v<T>,
};

template <class T>
constexpr const elem_ops* elem_ops_or_null() {
  if constexpr (elem_by_memcpy<T>) {
    return nullptr;
  } else {
    return &elem_ops_of<T>;
  }
}

template <class T>
inline constexpr elem_type elem_type_of = {
    std::is_empty_v<T>&& elem_by_memcpy<T> ? 0 : sizeof(T),
    alignof(T),
    elem_ops_or_null<T>(),
};

/// Where a received T arrives: raw bytes for memcpy, else the optional that `deliver` fills.
template <class T, bool Raw = elem_by_memcpy<T>>
class elem_slot {
 public:
  void* address() { return &value_; }
  void clear() { value_.reset(); }
  /// What was received.
  T&& get() { return std::move(*value_); }

 private:
  std::optional<T> value_;
};

template <class T>
class elem_slot<T, true> {
 public:
  void* address() { return bytes_; }
  void clear() {}
  T&& get() { return std::move(*std::launder(reinterpret_cast<T*>(bytes_))); }

 private:
  alignas(T) unsigned char bytes_[sizeof(T)];
};

enum class recv_result : std::uint8_t { ok, empty, closed };

/// A new channel, counted once. Panics when cap is negative or the memory could not be addressed.
hchan* makechan(const elem_type& type, std::int64_t cap);
/// The last handle is gone: destroys what is buffered.
void freechan(hchan* c) noexcept;

/// Sends the T at elem (moved from unless by memcpy). False: `block` was false and nobody could take it; elem is
/// untouched.
bool chansend(hchan* c, void* elem, bool block);
/// Receives into `to`, an elem_slot's address.
recv_result chanrecv(hchan* c, void* to, bool block);
void closechan(hchan* c);
std::size_t chanlen(const hchan* c) noexcept;
std::size_t chancap(const hchan* c) noexcept;

/// One case of a select, as the engine sees it.
struct scase {
  hchan* c;    // null: never ready
  void* elem;  // what to send, or where to receive
  bool send;
};

inline constexpr int select_otherwise = -1;
inline constexpr int select_timeout = -2;

struct select_result {
  int index;      // into the cases, or one of the two above
  bool received;  // a receive got a value (not: the channel is closed)
};

/// Runs one of the cases that can go on, chosen uniformly. None can: select_otherwise when `otherwise`; else waits, at
/// most timeout_ns when that is not negative. More than 16 cases cost an allocation.
select_result selectgo(const scase* cases, int n, bool otherwise, std::int64_t timeout_ns);

/// A counted reference to a channel, or null: what all handles are.
class chan_ref {
 public:
  chan_ref() noexcept = default;
  explicit chan_ref(hchan* adopted) noexcept : c_(adopted) {}
  static chan_ref share(hchan* c) noexcept {
    if (c != nullptr) c->refs.fetch_add(1, std::memory_order_relaxed);
    return chan_ref(c);
  }
  chan_ref(const chan_ref& other) noexcept : chan_ref(share(other.c_)) {}
  chan_ref(chan_ref&& other) noexcept : c_(std::exchange(other.c_, nullptr)) {}
  chan_ref& operator=(const chan_ref& other) noexcept {
    chan_ref copy(other);
    std::swap(c_, copy.c_);
    return *this;
  }
  chan_ref& operator=(chan_ref&& other) noexcept {
    chan_ref taken(std::move(other));
    std::swap(c_, taken.c_);
    return *this;
  }
  ~chan_ref() {
    // release: what this handle's user did to the channel comes before its end; acquire by the last one, which ends it.
    if (c_ != nullptr && c_->refs.fetch_sub(1, std::memory_order_acq_rel) == 1) freechan(c_);
  }

  hchan* get() const noexcept { return c_; }

 private:
  hchan* c_ = nullptr;
};

}  // namespace gofer::detail
