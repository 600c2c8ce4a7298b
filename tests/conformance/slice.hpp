// Go's slices and arrays as fmt prints them.
#ifndef GOFER_TESTS_CONFORMANCE_SLICE_HPP_
#define GOFER_TESTS_CONFORMANCE_SLICE_HPP_

#include <string>

#include "go.hpp"

namespace conformance {

/// fmt.Sprint of a slice or array: [a b c]
template <class Range>
std::string slice(const Range& range) {
  std::string out = "[";
  for (const auto& element : range) {
    if (out.size() > 1) out += ' ';
    out += show(element).text;
  }
  return out + "]";
}

}  // namespace conformance

#endif  // GOFER_TESTS_CONFORMANCE_SLICE_HPP_
