#include "runtime/symbolize.hpp"

#include <dlfcn.h>
#include <link.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <mutex>
#include <string_view>
#include <unordered_map>

#include "runtime/debuginfo.hpp"
#include "runtime/funcname.hpp"
#include "sched/futex.hpp"
#include "sched/park.hpp"

namespace gofer::runtime {

namespace {

struct state {
  sched::futex_mutex lock;  // guards everything here
  std::atomic<sched::m*> asking{nullptr};
  std::unordered_map<void*, frames_at> answers;
  debuginfo info;
};

state& the_state() {
  static auto* s = new state;  // never destroyed: a goroutine may panic while static destructors run
  return *s;
}

// The toolchain's own libraries are asked for exported names only: their frames are hidden (but for callbacks such as
// qsort's), and opening a distribution's debug information of the C library takes 140 ms.
bool is_toolchain(std::string_view path) {
  constexpr std::array<std::string_view, 11> names = {"libc.",    "libc-",     "libpthread", "ld-linux",
                                                      "libm.",    "libgcc_s.", "libstdc",    "linux-vdso",
                                                      "libasan.", "libtsan.",  "libubsan."};
  const std::string_view base = path.substr(path.rfind('/') + 1);
  for (const std::string_view n : names) {
    if (base.substr(0, n.size()) == n) return true;
  }
  return false;
}

// From the dynamic symbol table, which is in memory.
frame by_dynamic_symbol(const Dl_info& info, std::uintptr_t pc) {
  frame f;
  if (info.dli_sname != nullptr) {
    f.function = function_name(info.dli_sname);
    f.offset = pc - reinterpret_cast<std::uintptr_t>(info.dli_saddr);
  } else {
    f.function = "?";
    f.offset = pc - reinterpret_cast<std::uintptr_t>(info.dli_fbase);
  }
  return f;
}

// The program itself has no name there, and its file may have been replaced since: /proc knows the one that runs.
loaded_file file_of(std::uintptr_t bias, const char* name_there) {
  loaded_file f{bias, name_there, name_there};
  if (!f.path.empty()) return f;
  f.path = "/proc/self/exe";
  std::array<char, 4096> name;
  const ssize_t n = ::readlink(f.path.c_str(), name.data(), name.size());
  f.name = n > 0 ? std::string(name.data(), static_cast<std::size_t>(n)) : "?";
  return f;
}

// A statically linked program is on no list that dladdr reads.
bool find_static(std::uintptr_t pc, loaded_file& file) {
  struct request {
    std::uintptr_t pc;
    loaded_file* file;
  } r{pc, &file};
  const auto visit = [](dl_phdr_info* info, std::size_t, void* arg) {
    const auto* wanted = static_cast<const request*>(arg);
    for (int i = 0; i < info->dlpi_phnum; i++) {
      const ElfW(Phdr)& segment = info->dlpi_phdr[i];
      if (segment.p_type != PT_LOAD || wanted->pc - info->dlpi_addr - segment.p_vaddr >= segment.p_memsz) continue;
      *wanted->file = file_of(info->dlpi_addr, info->dlpi_name);
      return 1;
    }
    return 0;
  };
  return ::dl_iterate_phdr(visit, &r) != 0;
}

// False: the answer is makeshift.
bool look_up(debuginfo& di, std::uintptr_t pc, std::vector<frame>& out) {
  Dl_info info{};
  void* entry = nullptr;
  loaded_file file{};
  if (::dladdr1(reinterpret_cast<void*>(pc - 1), &info, &entry, RTLD_DL_LINKMAP) != 0 && entry != nullptr) {
    const auto* map = static_cast<const link_map*>(entry);
    file = file_of(map->l_addr, map->l_name);
  } else if (!find_static(pc - 1, file)) {
    out.emplace_back();
    out.back().function = "?";
    out.back().offset = pc;
    return true;
  }
  const bool toolchain = is_toolchain(file.path);
  const bool answered = toolchain || di.lookup(file, pc - 1, out);
  if (out.empty()) {
    out.push_back(by_dynamic_symbol(info, pc));
    out.back().file = file.name;
  }
  for (frame& f : out) f.internal = (toolchain && f.function == "?") || is_internal(f.function);
  return answered;
}

frames_at remembered(void* pc) {
  state& s = the_state();
  const std::lock_guard hold(s.lock);
  const auto at = s.answers.find(pc);
  return at == s.answers.end() ? nullptr : at->second;
}

frames_at unknown(void* pc) {
  frame f;
  f.function = "?";
  f.offset = reinterpret_cast<std::uintptr_t>(pc);
  return std::make_shared<std::vector<frame>>(1, std::move(f));
}

struct question {
  void* pc;
  frames_at answer;
};

// Says, while it lives, which thread is asking.
class asker {
 public:
  asker() { the_state().asking.store(sched::getm(), std::memory_order_relaxed); }
  ~asker() { the_state().asking.store(nullptr, std::memory_order_relaxed); }
  asker(const asker&) = delete;
  asker& operator=(const asker&) = delete;
};

// On the system stack, if there is a choice.
void answer(sched::g*, void* arg) {
  auto& q = *static_cast<question*>(arg);
  auto frames = std::make_shared<std::vector<frame>>();
  state& s = the_state();
  const std::lock_guard hold(s.lock);
  const asker here;
  const bool final = look_up(s.info, reinterpret_cast<std::uintptr_t>(q.pc), *frames);
  q.answer = std::move(frames);
  if (final) s.answers.emplace(q.pc, q.answer);
}

// A report of what went wrong in the midst of a park or of a blocking call cannot leave the stack that it is on.
bool may_leave_stack(const sched::m* mp) {
  return mp->inside.load(std::memory_order_relaxed) == 0 && mp->commit.fn == nullptr &&
         mp->curg->status.load(std::memory_order_relaxed) == sched::gstatus::running;
}

}  // namespace

frames_at symbolize(void* pc) {
  sched::m* mp = sched::getm();
  // This thread failed while it was asking, and reports that: the lock is its own.
  const bool nested = the_state().asking.load(std::memory_order_relaxed) == mp;
  if (nested) return unknown(pc);
  if (frames_at known = remembered(pc)) return known;
  question q{pc, nullptr};
  if (may_leave_stack(mp)) {
    sched::mcall(answer, &q);
  } else {
    answer(nullptr, &q);
  }
  return q.answer;
}

}  // namespace gofer::runtime
