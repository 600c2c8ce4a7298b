// From an address to the calls that it stands for.
//
// Each file's units are indexed by address once (1 ms per 400 units): elfutils' own index is .debug_aranges, which
// Clang does not write. The unit's tree is then descended by hand to the function that holds the address, collecting
// the inlined calls on the way: dwarf_getscopes with dwarf_getscopes_die, the ready-made way, reads the unit several
// times over.
#include "runtime/debuginfo.hpp"

#include <dwarf.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "runtime/funcname.hpp"

namespace gofer::runtime {

namespace {

// As elfutils does it, except that a crash report never asks a debuginfod server over the network.
int find_debuginfo(Dwfl_Module* mod, void** userdata, const char* modname, Dwarf_Addr base, const char* file_name,
                   const char* debuglink_file, GElf_Word debuglink_crc, char** debuginfo_file_name) {
  const auto find =
      std::getenv("DEBUGINFOD_URLS") == nullptr ? dwfl_standard_find_debuginfo : dwfl_build_id_find_debuginfo;
  return find(mod, userdata, modname, base, file_name, debuglink_file, debuglink_crc, debuginfo_file_name);
}

const char* string_of(Dwarf_Die* die, unsigned attribute) {
  Dwarf_Attribute a;
  return dwarf_formstring(dwarf_attr_integrate(die, attribute, &a));
}

Dwarf_Word number_of(Dwarf_Die* die, unsigned attribute) {
  Dwarf_Attribute a;
  Dwarf_Word value = 0;
  return dwarf_formudata(dwarf_attr(die, attribute, &a), &value) == 0 ? value : 0;
}

// Follows die to what it is an instance of, or the definition of.
Dwarf_Die declaration_of(Dwarf_Die die) {
  for (const unsigned link : {DW_AT_abstract_origin, DW_AT_specification}) {
    Dwarf_Attribute a;
    Dwarf_Die target;
    while (dwarf_attr(&die, link, &a) != nullptr && dwarf_formref_die(&a, &target) != nullptr) die = target;
  }
  return die;
}

bool is_class(int tag) { return tag == DW_TAG_class_type || tag == DW_TAG_structure_type || tag == DW_TAG_union_type; }

std::string name_of(Dwarf_Die die, const char* symbol);

// For functions without a symbol of their own: put together from the scopes around the declaration.
std::string name_by_scopes(Dwarf_Die die) {
  const char* own = dwarf_diename(&die);
  std::string name = own != nullptr ? short_name(own) : "?";
  Dwarf_Die declaration = declaration_of(die);
  Dwarf_Die* scopes = nullptr;
  const int n = dwarf_getscopes_die(&declaration, &scopes);
  for (int i = 1; i < n; i++) {
    const int tag = dwarf_tag(&scopes[i]);
    const char* part = dwarf_diename(&scopes[i]);
    if (tag == DW_TAG_subprogram) {
      name = name_of(scopes[i], nullptr) + "::" + name;  // complete with its own scopes
      break;
    }
    if (tag == DW_TAG_namespace) {
      name = std::string(part != nullptr ? part : "(anonymous namespace)") + "::" + name;
    } else if (is_class(tag)) {
      if (part != nullptr && part[0] != '<') {
        name = short_name(part) + "::" + name;
      } else {
        name = name == "operator()" ? "{lambda}" : "{unnamed}::" + name;
      }
    }
  }
  std::free(scopes);
  return name;
}

// GCC gives no linkage name to what is not visible outside the unit; the symbol table does, if the function was not
// inlined.
std::string name_of(Dwarf_Die die, const char* symbol) {
  for (const unsigned attribute : {DW_AT_linkage_name, DW_AT_MIPS_linkage_name}) {
    if (const char* linkage = string_of(&die, attribute)) return function_name(linkage);
  }
  return symbol != nullptr ? function_name(symbol) : name_by_scopes(die);
}

// The subprogram that holds addr and the calls inlined there, outermost first. Functions lie within namespaces and
// classes, and (unless `pruned`) within other functions that do not hold addr themselves: local classes' and lambdas'
// bodies.
bool find_calls(Dwarf_Die* parent, Dwarf_Addr addr, bool pruned, std::vector<Dwarf_Die>& calls) {
  Dwarf_Die die;
  if (dwarf_child(parent, &die) != 0) return false;
  do {
    const int tag = dwarf_tag(&die);
    if (tag == DW_TAG_namespace || is_class(tag)) {
      if (find_calls(&die, addr, pruned, calls)) return true;
    } else if (tag == DW_TAG_subprogram || tag == DW_TAG_inlined_subroutine || tag == DW_TAG_lexical_block) {
      if (dwarf_haspc(&die, addr) == 1) {
        if (tag != DW_TAG_lexical_block) calls.push_back(die);
        find_calls(&die, addr, true, calls);
        return true;
      }
      if (!pruned && find_calls(&die, addr, false, calls)) return true;
    }
  } while (dwarf_siblingof(&die, &die) == 0);
  return false;
}

std::string full_path(const Dwarf_Die& unit, const char* file) {
  if (file == nullptr) return {};
  std::filesystem::path path = file;
  Dwarf_Die die = unit;
  if (path.is_relative()) {
    if (const char* directory = string_of(&die, DW_AT_comp_dir)) path = directory / path;
  }
  return path.lexically_normal();
}

}  // namespace

debuginfo::module* debuginfo::open(const loaded_file& file) {
  const auto known = modules_.find(file.bias);
  if (known != modules_.end()) return &known->second;
  if (dwfl_ == nullptr) {
    static char* debug_directories = nullptr;  // elfutils' default: beside the file, .debug, /usr/lib/debug
    static const Dwfl_Callbacks callbacks = {
        .find_elf = dwfl_build_id_find_elf,  // not called: every file is reported with its path
        .find_debuginfo = find_debuginfo,
        .section_address = nullptr,
        .debuginfo_path = &debug_directories,
    };
    dwfl_ = dwfl_begin(&callbacks);
    if (dwfl_ == nullptr) return nullptr;
  }
  dwfl_report_begin_add(dwfl_);
  Dwfl_Module* mod = dwfl_report_elf(dwfl_, file.path.c_str(), file.path.c_str(), -1, file.bias, true);
  dwfl_report_end(dwfl_, nullptr, nullptr);
  if (mod == nullptr) return nullptr;
  module& m = modules_[file.bias];
  m.dwfl = mod;
  m.dwarf = dwfl_module_getdwarf(mod, &m.bias);
  if (m.dwarf != nullptr) index(m);
  return &m;
}

void debuginfo::index(module& m) {
  Dwarf_CU* next = nullptr;
  Dwarf_Die unit;
  Dwarf_Die split;
  std::uint8_t type = 0;
  while (dwarf_get_units(m.dwarf, next, &next, nullptr, &type, &unit, &split) == 0) {
    const Dwarf_Die tree = type == DW_UT_skeleton && split.addr != nullptr ? split : unit;
    Dwarf_Addr base = 0;
    Dwarf_Addr lo = 0;
    Dwarf_Addr hi = 0;
    ptrdiff_t at = 0;
    while ((at = dwarf_ranges(&unit, at, &base, &lo, &hi)) > 0) {
      if (lo != 0) m.ranges.push_back({lo, hi, unit, tree});  // at 0 lie the functions that the linker threw away
    }
  }
  std::sort(m.ranges.begin(), m.ranges.end(), [](const range& a, const range& b) { return a.lo < b.lo; });
}

const debuginfo::range* debuginfo::find_unit(const module& m, Dwarf_Addr addr) {
  auto above =
      std::upper_bound(m.ranges.begin(), m.ranges.end(), addr, [](Dwarf_Addr a, const range& r) { return a < r.lo; });
  if (above == m.ranges.begin()) return nullptr;
  const range& r = *--above;
  return addr < r.hi ? &r : nullptr;
}

// The calls at addr as frames, innermost first, the function itself (known as `symbol` if that is not null) last.
void debuginfo::add_calls(const range& unit, Dwarf_Addr addr, const char* symbol, std::vector<frame>& out) {
  frame here;
  Dwarf_Die die = unit.unit;
  if (Dwarf_Line* line = dwarf_getsrc_die(&die, addr)) {
    here.file = full_path(unit.unit, dwarf_linesrc(line, nullptr, nullptr));
    dwarf_lineno(line, &here.line);
  }
  die = unit.tree;
  std::vector<Dwarf_Die> calls;
  if (!find_calls(&die, addr, true, calls)) find_calls(&die, addr, false, calls);
  Dwarf_Files* files = nullptr;
  std::size_t nfiles = 0;
  dwarf_getsrcfiles(&die, &files, &nfiles);
  for (auto call = calls.rbegin(); call != calls.rend(); ++call) {
    here.inlined = dwarf_tag(&*call) == DW_TAG_inlined_subroutine;
    here.function = name_of(*call, here.inlined ? nullptr : symbol);
    out.push_back(here);
    if (!here.inlined) break;
    here.file = full_path(unit.unit, dwarf_filesrc(files, number_of(&*call, DW_AT_call_file), nullptr, nullptr));
    here.line = static_cast<int>(number_of(&*call, DW_AT_call_line));
  }
  if (calls.empty() && !here.file.empty()) {  // assembly: lines, but no functions
    here.function = symbol != nullptr ? function_name(symbol) : "?";
    out.push_back(here);
  }
}

bool debuginfo::lookup(const loaded_file& file, std::uintptr_t address, std::vector<frame>& out) {
  module* m = open(file);
  if (m == nullptr) return false;
  GElf_Off offset = 0;
  GElf_Sym sym;
  const char* symbol = dwfl_module_addrinfo(m->dwfl, address, &offset, &sym, nullptr, nullptr, nullptr);
  if (symbol == nullptr) offset = address - file.bias;
  if (m->dwarf != nullptr) {
    const Dwarf_Addr addr = address - m->bias;
    if (const range* unit = find_unit(*m, addr)) add_calls(*unit, addr, symbol, out);
  }
  if (out.empty()) {
    out.emplace_back();
    out.back().function = symbol != nullptr ? function_name(symbol) : "?";
    out.back().file = file.name;
  }
  for (frame& f : out) f.offset = offset + 1;  // of the return address, as Go prints it
  return true;
}

}  // namespace gofer::runtime
