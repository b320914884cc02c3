#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "schema/error.hpp"

namespace moetune::cli {

/// What a running moetuned leaves in its data folder: {"url", "pid"}.
struct DaemonFile {
  std::string url;
  int pid = 0;
};

/// Nothing when there is none. Errors: io when it is there and cannot be read; data_damaged when it says nothing.
schema::Result<std::optional<DaemonFile>> read_daemon_file(const std::filesystem::path& data_dir);

/// Whether a process of that number lives. One that belongs to somebody else does.
bool process_lives(int pid);

}  // namespace moetune::cli
