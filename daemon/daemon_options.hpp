#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "daemon/http/listen_address.hpp"

namespace moetune::daemon {

/// What moetuned is told on its command line.
struct DaemonOptions {
  std::filesystem::path data_dir;
  std::filesystem::path cache_dir;
  http::ListenAddress listen;
  std::optional<std::filesystem::path> token_file;
  std::optional<std::filesystem::path> publish;  ///< folder that is kept up to date for engines
  std::vector<int> gpus;                         ///< empty: all
  std::size_t compile_jobs = 1;
  std::filesystem::path python;  ///< has Triton, or not
  std::vector<std::filesystem::path> engine_paths;
  std::vector<std::filesystem::path> kernel_paths;
  std::string log_level = "info";
  std::optional<std::chrono::seconds> exit_when_idle;
  std::chrono::seconds compile_time_limit{120};
  std::int64_t compile_memory_limit_mib = 8192;
  std::chrono::seconds measure_time_limit{60};
  std::int64_t cache_size_limit_mib = 10240;
};

/// The process is to end at once with this status, its message already printed (--help, --version, bad usage).
struct ExitNow {
  int status = 0;
};

/// Reads the command line; prints help and complaints itself.
std::variant<DaemonOptions, ExitNow> parse_daemon_options(int argc, char** argv);

}  // namespace moetune::daemon
