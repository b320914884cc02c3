#pragma once

#include <filesystem>
#include <string_view>

#include "kernels/unique_fd.hpp"
#include "schema/error.hpp"

namespace moetune::daemon {

/// A file with a fresh name (0600) that is removed with the object unless it was renamed. Move-only, not thread-safe.
class TemporaryFile {
 public:
  /// Errors: io with folder and reason.
  static schema::Result<TemporaryFile> create(const std::filesystem::path& folder);
  TemporaryFile(TemporaryFile&& other) noexcept;
  TemporaryFile& operator=(TemporaryFile&&) = delete;
  ~TemporaryFile();

  const std::filesystem::path& path() const { return path_; }
  schema::Result<void> write(std::string_view bytes);
  /// Syncs the bytes, gives the file its final name and syncs the folder. Errors: io.
  schema::Result<void> rename_to(const std::filesystem::path& target);

 private:
  TemporaryFile(kernels::UniqueFd fd, std::filesystem::path path);
  kernels::UniqueFd fd_;
  std::filesystem::path path_;  ///< empty: nothing to remove
};

}  // namespace moetune::daemon
