#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "cli/terminal.hpp"
#include "schema/error.hpp"

namespace moetune::cli {

/// What may stand before or after any command.
struct GlobalOptions {
  std::string program = "moetune";  ///< as the person calls it
  std::optional<std::string> server = {};
  std::optional<std::string> data_dir = {};
  std::optional<std::string> token_file = {};
  bool json = false;
};

/// The data folder as an absolute path: --data-dir, else $XDG_DATA_HOME/moetune, else ~/.local/share/moetune.
/// Errors: invalid_argument when there is nothing to go by.
schema::Result<std::filesystem::path> data_folder(const GlobalOptions& options, const Environment& environment);

/// The token of --token-file, else of $MOETUNE_TOKEN, else none. Errors: invalid_argument when the file holds none.
schema::Result<std::string> token_of(const GlobalOptions& options, const Environment& environment);

/// The program with the options that lead to the same daemon, for command lines that a person is shown.
std::string command_prefix(const GlobalOptions& options);

}  // namespace moetune::cli
