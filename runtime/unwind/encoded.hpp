// Reading what compilers write for unwinders: LEB128 numbers and encoded pointers (DWARF 4, 7.6; LSB Core, "DWARF
// Extensions").
#pragma once

#include <cstdint>
#include <cstring>

namespace gofer::runtime {

/// A cursor over unwind tables, which the linker wrote and nobody can have damaged: it knows no end. What it does not
/// understand makes it bad for good, and what was read since is worth nothing.
class table_reader {
 public:
  explicit table_reader(const void* at) : at_(static_cast<const std::uint8_t*>(at)) {}

  const std::uint8_t* at() const { return at_; }
  bool bad() const { return bad_; }
  void skip(std::uint64_t n) { at_ += n; }

  template <class T>
  T fixed() {
    T v;
    std::memcpy(&v, at_, sizeof v);
    at_ += sizeof v;
    return v;
  }

  std::uint8_t u8() { return *at_++; }

  std::uint64_t uleb() {
    unsigned shift = 0;
    return leb(shift);
  }

  std::int64_t sleb() {
    unsigned shift = 0;
    std::uint64_t v = leb(shift);
    if (shift < 64 && (at_[-1] & 0x40) != 0) v |= ~std::uint64_t{0} << shift;
    return static_cast<std::int64_t>(v);
  }

  static constexpr std::uint8_t omit = 0xff;

  /// A pointer in the encoding `how`; 0 when it is left out or null. function: what the encoding calls funcrel.
  std::uintptr_t pointer(std::uint8_t how) {
    if (how == omit) return 0;
    const auto here = reinterpret_cast<std::uintptr_t>(at_);
    std::uintptr_t v = number(how & 0x0f);
    if (v == 0) return 0;
    switch (how & 0x70) {
      case 0x00:
        break;
      case 0x10:
        v += here;
        break;
      default:  // relative to text, data or function, or aligned: no linker for x86-64 writes that
        bad_ = true;
        return 0;
    }
    if ((how & 0x80) != 0 && !bad_) std::memcpy(&v, reinterpret_cast<const void*>(v), sizeof v);
    return v;
  }

  /// The number alone, in the format of an encoding's lower half.
  std::uintptr_t number(std::uint8_t format) {
    switch (format) {
      case 0x00:
      case 0x04:
      case 0x0c:
        return fixed<std::uint64_t>();
      case 0x01:
        return uleb();
      case 0x02:
        return fixed<std::uint16_t>();
      case 0x03:
        return fixed<std::uint32_t>();
      case 0x09:
        return static_cast<std::uintptr_t>(sleb());
      case 0x0a:
        return static_cast<std::uintptr_t>(std::int64_t{fixed<std::int16_t>()});
      case 0x0b:
        return static_cast<std::uintptr_t>(std::int64_t{fixed<std::int32_t>()});
      default:
        bad_ = true;
        return 0;
    }
  }

  void fail() { bad_ = true; }

 private:
  std::uint64_t leb(unsigned& shift) {
    std::uint64_t v = 0;
    std::uint8_t byte;
    do {
      byte = *at_++;
      if (shift < 64) v |= std::uint64_t{byte & 0x7fU} << shift;
      shift += 7;
    } while ((byte & 0x80) != 0);
    return v;
  }

  const std::uint8_t* at_;
  bool bad_ = false;
};

/// The width of a number in that format; 0: it varies.
constexpr unsigned width_of(std::uint8_t how) {
  switch (how & 0x0f) {
    case 0x00:
    case 0x04:
    case 0x0c:
      return 8;
    case 0x02:
    case 0x0a:
      return 2;
    case 0x03:
    case 0x0b:
      return 4;
    default:
      return 0;
  }
}

}  // namespace gofer::runtime
