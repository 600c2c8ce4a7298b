#include "sched/tls.hpp"

#include <cstddef>

// Used: by the assembly in tls.hpp, which link-time optimization does not read.
[[gnu::used]] constinit thread_local gofer::sched::tls_block gofer_tls{};

// gofer/detail/tls.hpp reads `raises` at offset 8 without seeing this type.
static_assert(offsetof(gofer::sched::tls_block, mp) == 0 && offsetof(gofer::sched::tls_block, raises) == 8);
