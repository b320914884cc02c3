#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "daemon/artifact_folder.hpp"
#include "db/artifact_index.hpp"
#include "db/synchronized.hpp"
#include "kernels/artifact_file.hpp"

namespace moetune::daemon {

/// The kernel cache's view of db::ArtifactIndex: best effort. Nothing depends on it but the order of eviction and the
/// figures, so its errors are logged and swallowed. Uses are gathered and written in batches. Thread-safe.
class CacheIndex {
 public:
  struct Facts {
    std::int64_t hits = 0;
    schema::Timestamp last_used_at;
  };

  /// Opens the index of `folder` (read-only when it cannot be written) and brings it in line with the files there.
  CacheIndex(const ArtifactFolder& folder, bool writable);
  ~CacheIndex();
  CacheIndex(const CacheIndex&) = delete;
  CacheIndex& operator=(const CacheIndex&) = delete;

  void insert(const kernels::ArtifactKey& key, const kernels::Artifact& artifact, std::int64_t file_bytes);
  void touch(const kernels::ArtifactKey& key);
  void erase(const std::vector<kernels::ArtifactKey>& keys);
  void flush();

  db::ArtifactTotals totals();
  std::optional<Facts> facts(const kernels::ArtifactKey& key);
  /// Least recently used first: those to remove so that at most `limit_bytes` are left.
  std::vector<kernels::ArtifactKey> surplus(std::int64_t limit_bytes);

 private:
  void reconcile();
  std::set<kernels::ArtifactKey> indexed_keys();
  void insert_file(const ArtifactFile& file);

  const ArtifactFolder& folder_;
  std::unique_ptr<db::ArtifactIndex> index_;  ///< null when there is none to be had
  bool writable_;
  db::Synchronized<std::set<kernels::ArtifactKey>> uses_;
};

}  // namespace moetune::daemon
