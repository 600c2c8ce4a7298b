// A random program: a small tree of statements, made from a seed.
//
// The problem: defer, panic, recover, goexit, exceptions and destructors meet in more ways than somebody can think of
// cases for. So programs are made at random and run twice: by the executor (executor.cpp), with real C++ frames, real
// destructors and real gofer::defer objects, and by a model (model.cpp), which says in a page of code without any
// unwinding what docs/panic.md promises. Both write a trail; the trails must be equal.
//
// The tree is the common language of the two. Statements have numbers, in the order in which they were made; a trail
// names them, and a shrunken program is a seed and the numbers that were left out of it.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

namespace gofer::random {

enum class op {
  note,        // a word for the trail
  yield,       // gosched
  blocks,      // gofer::blocking
  recovers,    // recover() by no deferred function itself: must be empty
  assigns,     // changes the named result of the function around
  returns,     // ends the function or deferred call around
  panics,      // panic(value)
  throws,      // throw value
  goexits,     // goexit()
  rethrows,    // `throw;` in a handler
  repanics,    // panic(p) with what the deferred function around recovered, if it did
  frame,       // a plain C++ function
  function,    // gofer::func, no result
  named,       // gofer::func, named result
  by_value,    // gofer::func, by-value result
  tries,       // try, with handlers
  spawns,      // go, and wait for its end
  defers,      // a deferred call, until the scope's end
  destructor,  // an object, until the scope's end
  list,        // a defer_list, until the scope's end
  pushes,      // a deferred call onto the innermost defer_list, `count` times
};

enum class type { runtime_error, integer, own, exception, everything };

struct handler {
  type catches = type::everything;
  bool rethrows = false;  // ends with `throw;`
};

struct stmt;
using block = std::vector<stmt>;

struct stmt {
  op what = op::note;
  int id = 0;
  unsigned form = 0;              // which of several C++ spellings
  type value = type::integer;     // panics, throws
  int count = 1;                  // pushes
  bool recover = false;           // a deferred function: calls recover() between its two blocks
  bool again = false;             // ... and after them
  bool argument = false;          // ... takes one, which says when it is destroyed
  std::vector<block> blocks;      // a deferred function has two, a try one more than handlers, others one or none
  std::vector<handler> handlers;  // tries
};

struct program {
  std::uint64_t seed = 0;
  block body;
  int statements = 0;
};

/// How a program that is made from a seed is cut down: statements left out, and statements of whose blocks only the
/// first is left, in their place.
struct cuts {
  std::set<int> dropped;
  std::set<int> hoisted;
};

program make_program(std::uint64_t seed, const cuts& c = {});

/// As a text to read: C++ in the large.
std::string listing(const program& p);

/// Of a statement that raises: the text that recover's what() and a report show.
std::string value_text(const stmt& s);

}  // namespace gofer::random
