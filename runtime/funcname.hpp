// Names of C++ functions as tracebacks write them.
#pragma once

#include <string>
#include <string_view>

namespace gofer::runtime {

/// A demangled name without what a traceback does not need: return type, parameter lists (of enclosing functions too),
/// qualifiers, numbers of lambdas, clone suffixes. "ns::S<int>::run(int)::{lambda()#1}::operator()() const" becomes
/// "ns::S<int>::run::{lambda}". Template arguments longer than 40 characters become "<...>", as Go writes "[...]".
/// What it cannot read it returns unchanged.
std::string short_name(std::string_view demangled);

/// The name of the function that a symbol stands for: demangled and short.
std::string function_name(const char* symbol);

/// Whether a function (by its short name) is hidden unless GOFER_TRACEBACK=system. As Go hides its package runtime and
/// generated wrappers, but shows sync, time and net, hidden are: gofer's engine; what stands for Go's statements and
/// builtins (go, chan, select, defer, panic, recover, func...); reserved names, which are the C library's and the
/// unwinder's
/// (_start, __cxa_throw); and of std what passes calls on (std::function, std::__invoke_impl).
bool is_internal(std::string_view function);

}  // namespace gofer::runtime
