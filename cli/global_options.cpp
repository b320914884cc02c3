#include "cli/global_options.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include "cli/text.hpp"

namespace moetune::cli {

using schema::ErrorCode;
using schema::fail;
using schema::Result;

Result<std::filesystem::path> data_folder(const GlobalOptions& options, const Environment& environment) {
  if (options.data_dir) {
    if (options.data_dir->empty()) return fail(ErrorCode::invalid_argument, "--data-dir must not be empty");
    std::error_code error;
    auto path = std::filesystem::absolute(*options.data_dir, error).lexically_normal();
    if (error)
      return fail(ErrorCode::invalid_argument, fmt::format("--data-dir {}: {}", *options.data_dir, error.message()));
    return path;
  }
  // As the XDG base directory specification has it, a relative path there is ignored.
  if (const auto data = environment("XDG_DATA_HOME"); data && data->starts_with('/')) {
    return std::filesystem::path(*data) / "moetune";
  }
  const auto home = environment("HOME");
  if (!home || !home->starts_with('/')) {
    return fail(ErrorCode::invalid_argument,
                "neither $XDG_DATA_HOME nor $HOME names a folder: give one with --data-dir DIR");
  }
  return std::filesystem::path(*home) / ".local/share/moetune";
}

Result<std::string> token_of(const GlobalOptions& options, const Environment& environment) {
  if (!options.token_file) return environment("MOETUNE_TOKEN").value_or("");
  std::ifstream file(*options.token_file);
  std::string token;
  if (!file) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("cannot read --token-file {}: {}", *options.token_file, std::strerror(errno)));
  }
  std::getline(file, token);
  while (token.ends_with('\r') || token.ends_with(' ')) token.pop_back();
  if (token.empty())
    return fail(ErrorCode::invalid_argument, fmt::format("--token-file {} holds no token", *options.token_file));
  return token;
}

std::string command_prefix(const GlobalOptions& options) {
  std::string prefix = shell_word(options.program);
  if (options.server) prefix += fmt::format(" --server {}", shell_word(*options.server));
  if (options.data_dir) prefix += fmt::format(" --data-dir {}", shell_word(*options.data_dir));
  if (options.token_file) prefix += fmt::format(" --token-file {}", shell_word(*options.token_file));
  return prefix;
}

}  // namespace moetune::cli
