// Log-linear buckets: 8 equal ones to every power of two between 2^10 ns and 2^36 ns, one below, one above.
#include <algorithm>
#include <bit>
#include <cmath>
#include <gofer/http.hpp>
#include <numeric>

namespace gofer::http {

namespace {

constexpr int first_octave = 10;
constexpr int last_octave = 36;
constexpr std::size_t steps = 8;
static_assert(latency_histogram::buckets == 2 + (last_octave - first_octave) * steps);

}  // namespace

std::size_t latency_histogram::bucket_of(std::chrono::nanoseconds latency) {
  const auto ns = static_cast<std::uint64_t>(std::max<std::int64_t>(latency.count(), 0));
  const int octave = static_cast<int>(std::bit_width(ns)) - 1;
  if (octave < first_octave) return 0;
  if (octave >= last_octave) return buckets - 1;
  const std::uint64_t step = (ns >> (octave - 3)) & (steps - 1);
  return 1 + static_cast<std::size_t>(octave - first_octave) * steps + static_cast<std::size_t>(step);
}

std::uint64_t latency_histogram::total() const {
  return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
}

std::chrono::nanoseconds latency_histogram::quantile(double q) const {
  const std::uint64_t n = total();
  if (n == 0) return {};
  const auto rank = static_cast<std::uint64_t>(std::ceil(std::clamp(q, 0.0, 1.0) * static_cast<double>(n)));
  std::uint64_t below = 0;
  std::size_t i = 0;
  while (i + 1 < buckets && (below += counts[i]) < std::max<std::uint64_t>(rank, 1)) i++;
  if (i == 0) return std::chrono::nanoseconds(std::int64_t{1} << (first_octave - 1));
  if (i == buckets - 1) return std::chrono::nanoseconds(std::int64_t{1} << last_octave);
  // The middle of the bucket.
  const auto octave = static_cast<int>((i - 1) / steps) + first_octave;
  const auto step = static_cast<std::int64_t>((i - 1) % steps);
  const std::int64_t width = std::int64_t{1} << (octave - 3);
  return std::chrono::nanoseconds((std::int64_t{1} << octave) + step * width + width / 2);
}

latency_histogram latency_histogram::since(const latency_histogram& earlier) const {
  latency_histogram difference;
  for (std::size_t i = 0; i < buckets; i++) difference.counts[i] = counts[i] - earlier.counts[i];
  return difference;
}

}  // namespace gofer::http
