// The per-P pool of records, for those who run what lies in them.
#pragma once

#include <gofer/detail/deferred_call.hpp>

namespace gofer::detail {

/// Gives a chain of pooled records back, their closures gone.
void freedefers(_defer* chain) noexcept;

}  // namespace gofer::detail
