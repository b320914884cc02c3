#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string_view>
#include <vector>

#include "kernels/artifact_file.hpp"
#include "schema/error.hpp"

namespace moetune::daemon {

/// One artifact file, as the folder lists it.
struct ArtifactFile {
  kernels::ArtifactKey key;
  std::int64_t bytes = 0;
};

/// The artifact files of one cache folder. The files are the truth: what an index says about them is only a summary.
/// Immutable and thread-safe; several processes may work on one folder, since a file appears and goes as a whole.
class ArtifactFolder {
 public:
  explicit ArtifactFolder(std::filesystem::path folder) : folder_(std::move(folder)) {}

  const std::filesystem::path& path() const { return folder_; }
  std::filesystem::path path(const kernels::ArtifactKey& key) const { return kernels::artifact_path(folder_, key); }

  /// Makes the folder. False, with the reason, when files cannot be created in it.
  schema::Result<void> check_writable() const;
  /// Returns the size of the file. Errors: io.
  schema::Result<std::int64_t> write(const kernels::Artifact& artifact) const;
  /// Errors: not_found, data_damaged, io.
  schema::Result<kernels::Artifact> read(const kernels::ArtifactKey& key) const;
  /// Bytes freed; 0 when there was no such file or it cannot be removed.
  std::int64_t remove(const kernels::ArtifactKey& key) const;

  /// Every artifact file; names that are no keys are passed over.
  std::vector<ArtifactFile> list() const;
  /// Those whose key starts with `prefix` (two hex digits or more).
  std::vector<ArtifactFile> list(std::string_view prefix) const;
  /// Removes what writers that were killed have left behind, once it is older than `age`.
  void remove_temporaries(std::chrono::seconds age) const;

 private:
  std::filesystem::path folder_;
};

}  // namespace moetune::daemon
