#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "cli/error_text.hpp"
#include "cli/output.hpp"
#include "cli/terminal.hpp"

namespace moetune::cli {

/// What the program finds around itself; tests put their own in its place.
struct Surroundings {
  Output& out;
  Output& err;
  Environment environment;
  TerminalTraits out_traits;
  TerminalTraits err_traits;
  std::function<TerminalSize()> out_size;
  std::function<TerminalSize()> err_size;
  std::string program = "moetune";  ///< as the person called it
  std::string default_url = "http://127.0.0.1:8765";
  std::filesystem::path daemon_executable;
};

/// Runs one command line (without the program's name) and says how it ended. Never throws.
ExitStatus run(const std::vector<std::string>& arguments, const Surroundings& surroundings);

}  // namespace moetune::cli
