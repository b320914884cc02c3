#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "db/database.hpp"
#include "schema/timestamp.hpp"
#include "schema/trial.hpp"

namespace moetune::db {

/// One entry of the kernel cache: a compiled file, or a failure that would come back.
struct Artifact {
  std::string key;   ///< hex sha256 of what the artifact depends on
  std::string kind;  ///< what the file is, e.g. "gemm"
  schema::TrialStatus status = schema::TrialStatus::ok;
  std::string log_tail;         ///< of a failure
  std::int64_t file_bytes = 0;  ///< size on disk; 0 for a failure
  nlohmann::json depends_on;    ///< what went into the key
  nlohmann::json metadata;      ///< shared_bytes, registers, spill_bytes, ...
  schema::Timestamp created_at;
  schema::Timestamp last_used_at;
  std::int64_t hits = 0;
};

struct ArtifactTotals {
  std::int64_t artifacts = 0;
  std::int64_t failures = 0;
  std::int64_t file_bytes = 0;
  std::int64_t hits = 0;
};

/// The index of the kernel cache: index.db in the cache folder, a database of its own. It is disposable: a damaged,
/// foreign or newer one is deleted and begun anew. Commits outlive a crash of the process, not of the machine.
/// Owns one connection behind a mutex; thread-safe.
class ArtifactIndex {
 public:
  /// read_only: errors not_found, conflict, data_damaged instead of deleting. read_write: errors io.
  static Result<std::unique_ptr<ArtifactIndex>> open(const std::filesystem::path& cache_dir, Access access);
  ~ArtifactIndex();
  ArtifactIndex(const ArtifactIndex&) = delete;
  ArtifactIndex& operator=(const ArtifactIndex&) = delete;

  /// True when open() began an empty index: files in the cache folder are not in it yet.
  bool fresh() const;
  /// Why an earlier index was deleted; empty when none was.
  const std::string& discarded_because() const;

  /// Reads without counting a use.
  Result<std::optional<Artifact>> find(std::string_view key);
  /// Stores or replaces an entry; created_at and last_used_at are taken from it.
  Result<void> insert(const Artifact& artifact);
  /// Counts a use of each key at `when`, in one transaction; unknown keys are skipped.
  Result<void> touch(const std::vector<std::string>& keys, schema::Timestamp when);
  Result<void> erase(const std::vector<std::string>& keys);
  Result<void> clear();

  /// The entries to drop, least recently used first, so that the files left hold at most `limit_bytes`.
  Result<std::vector<Artifact>> surplus(std::int64_t limit_bytes);
  Result<ArtifactTotals> totals();
  /// Entries with a key above `after`, ascending, at most `limit`. A key prefix finds one for `cache explain`.
  Result<std::vector<Artifact>> list(std::string_view after, std::int64_t limit);
  Result<std::vector<Artifact>> find_by_prefix(std::string_view prefix, std::int64_t limit);

 private:
  struct State;
  explicit ArtifactIndex(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace moetune::db
