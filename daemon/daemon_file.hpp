#pragma once

#include <filesystem>
#include <string>

#include "schema/error.hpp"

namespace moetune::daemon {

/// DIR/daemon.json (0600) with {"url", "pid"}, by which clients find the daemon; removed with the object. Move-only.
class DaemonFile {
 public:
  /// Errors: io.
  static schema::Result<DaemonFile> write(const std::filesystem::path& data_dir, const std::string& url);
  DaemonFile(DaemonFile&& other) noexcept;
  DaemonFile& operator=(DaemonFile&&) = delete;
  ~DaemonFile();

 private:
  explicit DaemonFile(std::filesystem::path path) : path_(std::move(path)) {}
  std::filesystem::path path_;  ///< empty: moved from
};

}  // namespace moetune::daemon
