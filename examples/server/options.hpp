// What the command line and the environment say.
#pragma once

#include <chrono>
#include <optional>
#include <string>

struct server_settings {
  std::string host = "127.0.0.1";
  std::string port = "8080";
  std::chrono::seconds drain{5};
  bool quiet = false;
};

/// The settings; nothing when the program is to end at once, with `status`: after --help, or a complaint on stderr.
std::optional<server_settings> read_settings(int argc, char** argv, int& status);
