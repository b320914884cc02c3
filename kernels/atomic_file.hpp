#pragma once

#include <filesystem>
#include <string_view>

#include "kernels/unique_fd.hpp"
#include "schema/error.hpp"

namespace moetune::kernels {

/// Whether a file must outlive a power loss, or only the process.
enum class Sync { no, yes };

/// A file that appears under its name complete or not at all: written beside it under a temporary name, then renamed.
/// Dropped without commit() it leaves nothing. Several writers of one name do not disturb each other; the last one
/// wins. Move-only, not thread-safe.
class AtomicFile {
 public:
  /// Temporary names start with this; what a killed process left behind can be told by it.
  static constexpr std::string_view k_temporary_prefix = ".tmp-";

  /// Makes missing parent folders. Errors: io with path and reason.
  static schema::Result<AtomicFile> create(const std::filesystem::path& path, unsigned mode = 0644);
  AtomicFile(AtomicFile&&) noexcept;
  AtomicFile& operator=(AtomicFile&&) = delete;
  ~AtomicFile();

  schema::Result<void> write(std::string_view bytes);
  /// Renames the file; with `yes` syncs its data before and its folder after. Without, a power loss may leave a file
  /// that is cut or empty, or none: for files that carry a checksum and can be made again.
  schema::Result<void> commit(Sync sync = Sync::yes);

 private:
  AtomicFile(UniqueFd fd, std::filesystem::path path, std::filesystem::path temporary);
  UniqueFd fd_;
  std::filesystem::path path_;
  std::filesystem::path temporary_;
};

/// The whole of a file. Errors: not_found, too_large (over `max_bytes`), io.
schema::Result<std::string> read_file(const std::filesystem::path& path, std::size_t max_bytes);

}  // namespace moetune::kernels
