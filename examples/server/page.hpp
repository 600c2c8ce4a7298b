// The page at "/": page.html, which the build puts into the program.
#pragma once

#include <string_view>

std::string_view page();
