#include "sched/runq.hpp"

namespace gofer::sched {

std::uint32_t runq::take_half(g** out) {
  std::uint32_t head = head_.load(std::memory_order_acquire);
  const std::uint32_t tail = tail_.load(std::memory_order_relaxed);
  const std::uint32_t n = (tail - head) / 2;
  if (n == 0) return 0;
  for (std::uint32_t i = 0; i < n; i++) out[i] = slots_[(head + i) % runq_size].load(std::memory_order_relaxed);
  // release; pairs with the acquire in push: the slots may be overwritten from here on.
  return head_.compare_exchange_strong(head, head + n, std::memory_order_acq_rel, std::memory_order_relaxed) ? n : 0;
}

std::uint32_t runq::grab(std::array<g*, runq_size / 2>& out) {
  for (;;) {
    std::uint32_t head = head_.load(std::memory_order_acquire);  // acquire; pairs with the CASes of other consumers
    const std::uint32_t tail = tail_.load(std::memory_order_acquire);  // acquire; pairs with the release in push
    std::uint32_t n = tail - head;
    n -= n / 2;
    if (n == 0) return 0;
    if (n > runq_size / 2) continue;  // head and tail were read at different times
    for (std::uint32_t i = 0; i < n; i++) out[i] = slots_[(head + i) % runq_size].load(std::memory_order_relaxed);
    if (head_.compare_exchange_strong(head, head + n, std::memory_order_acq_rel, std::memory_order_relaxed)) return n;
  }
}

bool runq::empty() const {
  // The three words cannot be read at once. Re-reading tail shows that nothing moved from next to the ring in between
  // (Go's runqempty): "empty" would otherwise be reported of a queue that never was.
  for (;;) {
    const std::uint32_t head = head_.load(std::memory_order_acquire);
    const std::uint32_t tail = tail_.load(std::memory_order_acquire);
    const g* next = next_.load(std::memory_order_seq_cst);  // pairs with exchange_next
    if (tail == tail_.load(std::memory_order_acquire)) return head == tail && next == nullptr;
  }
}

}  // namespace gofer::sched
