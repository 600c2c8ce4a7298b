// What accesses do: point.hpp.
#include <cstring>

#include "state.hpp"

namespace gofer::explore {

void drain(vthread& t) {
  for (std::size_t i = 0; i < t.nbuffer; i++) {
    const buffered& s = t.buffer[i];
    std::memcpy(s.at, &s.value, s.size);
  }
  t.nbuffer = 0;
}

void drain_everybody() {
  for (int i = 0; i < e->n; i++) drain(thread(i));
}

void before(op what, const void* at, const where& w) {
  if (!live()) return;
  const bool contended = note_use(at, w);
  record(what, at, w);
  check(e->step_check);
  decide(why::access, contended);
}

void spin(const where& w) {
  if (!live() || ++e->pauses % e->pauses_per_spin != 0) return;
  record(op::relax, nullptr, w);
  self().spins = true;
  decide(why::spins, false);
}

bool store_later(void* at, std::size_t size, std::uint64_t value) {
  if (!live() || !e->set.tso || !e->choosing) return false;
  vthread& t = self();
  if (t.nbuffer == buffer_size) drain(t);
  t.buffer[t.nbuffer++] = {at, size, value};
  return true;
}

bool own_store(const void* at, std::uint64_t* value) {
  if (!live()) return false;
  const vthread& t = self();
  for (std::size_t i = t.nbuffer; i-- > 0;) {
    if (t.buffer[i].at != at) continue;
    *value = t.buffer[i].value;
    return true;
  }
  return false;
}

void store_fence() {
  if (live()) drain(self());
}

std::int64_t now() { return e == nullptr ? 1 : e->now; }
std::uint64_t ticks() { return e == nullptr ? 1 : e->set.ticks + 3 * static_cast<std::uint64_t>(e->now); }

}  // namespace gofer::explore
