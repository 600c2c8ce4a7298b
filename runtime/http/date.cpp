#include "runtime/http/date.hpp"

#include <cstring>
#include <string_view>

namespace gofer::http::detail {

std::array<char, 29> format_date(std::time_t second) {
  constexpr std::string_view days = "SunMonTueWedThuFriSat";
  constexpr std::string_view months = "JanFebMarAprMayJunJulAugSepOctNovDec";
  std::tm tm{};
  ::gmtime_r(&second, &tm);
  std::array<char, 29> text;
  std::memcpy(text.data(), "ddd, 00 mmm 0000 00:00:00 GMT", text.size());
  const auto digits = [&](std::size_t at, int value, int count) {
    for (std::size_t i = at + static_cast<std::size_t>(count); i-- > at; value /= 10) {
      text[i] = static_cast<char>('0' + value % 10);
    }
  };
  days.copy(text.data(), 3, static_cast<std::size_t>(tm.tm_wday) * 3);
  digits(5, tm.tm_mday, 2);
  months.copy(text.data() + 8, 3, static_cast<std::size_t>(tm.tm_mon) * 3);
  digits(12, tm.tm_year + 1900, 4);
  digits(17, tm.tm_hour, 2);
  digits(20, tm.tm_min, 2);
  digits(23, tm.tm_sec, 2);
  return text;
}

void date_cache::append_to(std::string& out) {
  const std::time_t now = std::time(nullptr);
  // acquire; pairs with the writer's final release
  std::uint32_t seen = sequence_.load(std::memory_order_acquire);
  if (seen % 2 == 0 && second_.load(std::memory_order_acquire) == now) {
    std::uint64_t copy[words];
    // acquire; pairs with the writer's release stores below: who reads a word that is being written also reads the odd
    // sequence
    for (std::size_t i = 0; i < words; i++) copy[i] = text_[i].load(std::memory_order_acquire);
    if (sequence_.load(std::memory_order_relaxed) == seen) {
      out.append(reinterpret_cast<const char*>(copy), 29);
      return;
    }
  }
  const std::array<char, 29> text = format_date(now);
  out.append(text.data(), text.size());
  if (seen % 2 != 0 || !sequence_.compare_exchange_strong(seen, seen + 1, std::memory_order_acquire)) return;
  std::uint64_t copy[words]{};
  std::memcpy(copy, text.data(), text.size());
  second_.store(now, std::memory_order_release);
  for (std::size_t i = 0; i < words; i++) text_[i].store(copy[i], std::memory_order_release);
  sequence_.store(seen + 2, std::memory_order_release);
}

}  // namespace gofer::http::detail
