#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <string>

#include "schema/error.hpp"

namespace moetune::cli {

struct LaunchPlan {
  std::filesystem::path executable;                               ///< moetuned
  std::filesystem::path data_dir;                                 ///< absolute; made when missing
  std::chrono::seconds idle;                                      ///< moetuned ends after this long without work
  std::chrono::milliseconds patience = std::chrono::seconds(60);  ///< until it must be ready
};

struct LaunchedDaemon {
  std::string url;
  pid_t pid = 0;
};

/// Starts moetuned on a free loopback port in a session of its own, so that it outlives this process and its terminal,
/// and waits until it listens. Its log is appended to daemon.log in the data folder.
/// Errors: unavailable with the end of the log when it ends or is not ready in time (it is stopped then); io.
schema::Result<LaunchedDaemon> launch_daemon(const LaunchPlan& plan);

/// The moetuned that was installed or built together with this program: the one in its folder.
std::filesystem::path daemon_executable();

}  // namespace moetune::cli
