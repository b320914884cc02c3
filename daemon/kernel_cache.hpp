#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

#include "kernels/artifact_file.hpp"
#include "schema/error.hpp"

namespace moetune::daemon {

/// What the cache holds for a key: a compiled kernel with the path of its artifact file, or a failure without one.
struct CachedArtifact {
  kernels::ArtifactInfo info;
  std::filesystem::path path;  ///< empty unless info.status is ok
};

struct CacheStatistics {
  std::filesystem::path folder;
  bool writable = true;
  std::int64_t size_limit = 0;
  std::int64_t bytes = 0;     ///< of all files
  std::int64_t kernels = 0;   ///< files with machine code
  std::int64_t failures = 0;  ///< files that remember a failure
  // Since the daemon started:
  std::int64_t hits = 0;
  std::int64_t misses = 0;
  std::int64_t published = 0;
  std::int64_t evictions = 0;
  std::int64_t damaged = 0;

  bool operator==(const CacheStatistics&) const = default;
};
nlohmann::ordered_json to_json(const CacheStatistics& statistics);

/// What trim() and clear() removed.
struct CacheRemoval {
  std::int64_t files = 0;
  std::int64_t bytes = 0;
};

/// The kernel cache: artifact files in a folder, and an index of their sizes and uses. Disposable: what is damaged or
/// gone is a miss and is compiled again; a folder that is full or cannot be written costs only the reuse between runs,
/// because artifacts then go to the scratch folder. Several daemons may share a folder. Thread-safe.
class KernelCache {
 public:
  struct Options {
    std::filesystem::path folder;   ///< $XDG_CACHE_HOME/moetune; made when missing
    std::filesystem::path scratch;  ///< exists, writable, this daemon's own, removed by its owner at the end
    std::int64_t size_limit = 10LL << 30;
  };
  /// Cannot fail: see CacheStatistics::writable.
  static std::unique_ptr<KernelCache> open(Options options);
  KernelCache(const KernelCache&) = delete;
  KernelCache& operator=(const KernelCache&) = delete;
  ~KernelCache();

  /// Counts a hit or a miss. A file that does not hold together is logged, removed and a miss.
  std::optional<CachedArtifact> lookup(const kernels::ArtifactKey& key);
  /// Whether there is a file, unread and uncounted.
  bool contains(const kernels::ArtifactKey& key) const;

  /// Keeps the cubin that a compile worker wrote to `cubin_file`, which is removed. Errors: io when that file cannot be
  /// read or neither folder can be written.
  schema::Result<CachedArtifact> publish(const kernels::ArtifactParts& parts, const kernels::ArtifactInfo& info,
                                         const std::filesystem::path& cubin_file);
  /// Remembers a failed compilation; when that is impossible it is only logged.
  void publish_failure(const kernels::ArtifactParts& parts, const kernels::ArtifactInfo& info);
  /// Removes one entry, because the measure worker found it damaged or --retry-failed asks for it.
  void forget(const kernels::ArtifactKey& key);

  /// What lookup and publish have handed out is not removed until this is called, when no sweep is running.
  void release_all();

  CacheStatistics statistics() const;
  /// Removes the least recently used files until at most `bytes` are left (the size limit when absent).
  /// Errors: forbidden when the folder cannot be written.
  schema::Result<CacheRemoval> trim(std::optional<std::int64_t> bytes);
  /// Removes everything that no running sweep uses. Errors: forbidden when the folder cannot be written.
  schema::Result<CacheRemoval> clear();
  /// What went into a key, what came out and when it was last used. `prefix`: 4 to 64 hex digits.
  /// Errors: invalid_argument; not_found; conflict when several keys start with it; data_damaged.
  schema::Result<nlohmann::ordered_json> explain(std::string_view prefix) const;

 private:
  class State;
  explicit KernelCache(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace moetune::daemon
