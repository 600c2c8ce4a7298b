// Debug information of the program and its libraries, by elfutils' libdw.
//
// Not thread-safe: symbolize.cpp holds the lock.
#pragma once

#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "runtime/symbolize.hpp"

namespace gofer::runtime {

/// An ELF file as it lies in memory.
struct loaded_file {
  std::uintptr_t bias;  // address minus address in the file
  std::string path;     // to open
  std::string name;     // to print
};

class debuginfo {
 public:
  debuginfo() = default;
  ~debuginfo() { dwfl_end(dwfl_); }
  debuginfo(const debuginfo&) = delete;
  debuginfo& operator=(const debuginfo&) = delete;

  /// Finds the calls at `address` (pc - 1), innermost first, with function, offset, file and line as far as they are
  /// known; out must be empty. False when the file cannot be opened now: no descriptors, no memory; asking again makes
  /// sense.
  bool lookup(const loaded_file& file, std::uintptr_t address, std::vector<frame>& out);

 private:
  struct range {
    Dwarf_Addr lo, hi;
    Dwarf_Die unit;  // holds the line table
    Dwarf_Die tree;  // holds the functions: the same, or the .dwo's with split debug information
  };
  struct module {
    Dwfl_Module* dwfl = nullptr;
    Dwarf* dwarf = nullptr;
    Dwarf_Addr bias = 0;
    std::vector<range> ranges;  // by lo
  };

  module* open(const loaded_file& file);
  static void index(module& m);
  static const range* find_unit(const module& m, Dwarf_Addr addr);
  static void add_calls(const range& unit, Dwarf_Addr addr, const char* symbol, std::vector<frame>& out);

  Dwfl* dwfl_ = nullptr;
  std::map<std::uintptr_t, module> modules_;
};

}  // namespace gofer::runtime
