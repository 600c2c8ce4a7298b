// What error.cpp has for its neighbours.
#pragma once

#include <string>

namespace gofer::runtime {

/// The C library's description of an errno or a signal, as Go has it: with a small first letter, unless that begins an
/// abbreviation
/// ("RFS specific error", "I/O possible").
std::string gos_description(const char* description);

}  // namespace gofer::runtime
