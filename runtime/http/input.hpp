// A connection's input buffer: contiguous, used again, moved to the front when it is empty anyway.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>

namespace gofer::http::detail {

class input {
 public:
  /// What was received and not consumed.
  std::string_view pending() const { return {data_.get() + begin_, end_ - begin_}; }
  bool empty() const { return begin_ == end_; }
  std::size_t size() const { return end_ - begin_; }

  /// Consumed bytes stay where they are until room() is called.
  void consume(std::size_t n) { begin_ += n; }

  /// Room for at least a packet's worth behind what is pending, which may move. Grows to twice the size when it must.
  std::span<char> room() {
    if (empty()) begin_ = end_ = 0;
    if (capacity_ - end_ < least && begin_ > 0) {
      std::memmove(data_.get(), data_.get() + begin_, end_ - begin_);
      end_ -= begin_;
      begin_ = 0;
    }
    if (capacity_ - end_ < least) resize(std::max(initial, capacity_ * 2));
    return {data_.get() + end_, capacity_ - end_};
  }
  void received(std::size_t n) { end_ += n; }

  /// Gives back what one big request made it grow to.
  void shrink() {
    if (capacity_ > 4 * initial && size() < initial) resize(initial);
  }

 private:
  static constexpr std::size_t initial = 4096;
  static constexpr std::size_t least = 1024;

  void resize(std::size_t capacity) {
    auto data = std::make_unique_for_overwrite<char[]>(capacity);
    if (!empty()) std::memcpy(data.get(), data_.get() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
    capacity_ = capacity;
    data_ = std::move(data);
  }

  std::unique_ptr<char[]> data_;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace gofer::http::detail
