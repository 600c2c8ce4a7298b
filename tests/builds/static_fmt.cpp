// {fmt}'s compiled half, for a program that links nothing shared: Debian packages it as a shared library only. What the
// headers hold as inline functions is the same code under the same names.
#define FMT_HEADER_ONLY
#include <fmt/format.h>

#include <string>

[[gnu::used]] static std::string (*const keep)(fmt::string_view, fmt::format_args) = &fmt::vformat;
