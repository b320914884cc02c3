#include "daemon/kernel_cache.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <set>
#include <system_error>
#include <utility>
#include <vector>

#include "daemon/artifact_folder.hpp"
#include "daemon/cache_index.hpp"
#include "db/synchronized.hpp"
#include "kernels/atomic_file.hpp"

namespace moetune::daemon {
namespace {

namespace fs = std::filesystem;
using kernels::Artifact;
using kernels::ArtifactInfo;
using kernels::ArtifactKey;
using kernels::ArtifactParts;
using schema::ErrorCode;
using schema::fail;
using schema::Result;
using schema::TrialStatus;

constexpr std::size_t k_max_cubin = 256U << 20;
constexpr auto k_stale = std::chrono::hours(1);
constexpr std::size_t k_min_prefix = 4;
constexpr std::size_t k_key_digits = 64;

bool check_writable(const ArtifactFolder& folder) {
  const auto checked = folder.check_writable();
  if (!checked) spdlog::warn("kernel cache: {}; kernels are kept only while the daemon runs", checked.error().message);
  return checked.has_value();
}

CachedArtifact handed_out(const ArtifactInfo& info, fs::path path) {
  return {.info = info, .path = info.status == TrialStatus::ok ? std::move(path) : fs::path()};
}

}  // namespace

struct KernelCache::State {
  /// What the threads share; the rest is constant or thread-safe by itself.
  struct Shared {
    std::set<ArtifactKey> in_use;
    CacheStatistics counters;      ///< only what counts since the start
    std::int64_t bytes = 0;        ///< of all files, as far as this daemon knows
    std::int64_t evict_above = 0;  ///< grows when nothing can be evicted, so that not every publish tries
    bool write_failed = false;     ///< said once, until a write succeeds
  };

  explicit State(Options options)
      : size_limit(options.size_limit),
        folder(std::move(options.folder)),
        scratch(std::move(options.scratch)),
        writable(check_writable(folder)),
        index(folder, writable) {
    if (writable) folder.remove_temporaries(k_stale);
    const auto start = shared.lock();
    start->bytes = index.totals().file_bytes;
    start->evict_above = size_limit;
  }

  std::optional<Artifact> read(const ArtifactFolder& from, const ArtifactKey& key);
  Result<CachedArtifact> keep(const Artifact& artifact);
  bool keep_in_folder(const ArtifactKey& key, const Artifact& artifact);
  CacheRemoval remove_unused(const std::vector<ArtifactKey>& keys);
  void evict();

  const std::int64_t size_limit;
  const ArtifactFolder folder;
  const ArtifactFolder scratch;
  const bool writable;
  CacheIndex index;
  db::Synchronized<Shared> shared;
};

/// A damaged file is removed, so that the next lookup does not read it again.
std::optional<Artifact> KernelCache::State::read(const ArtifactFolder& from, const ArtifactKey& key) {
  auto artifact = from.read(key);
  if (artifact) return std::move(*artifact);
  if (artifact.error().code == ErrorCode::not_found) return std::nullopt;
  spdlog::warn("kernel cache: {}; it counts as missing", artifact.error().message);
  if (artifact.error().code == ErrorCode::data_damaged) {
    ++shared.lock()->counters.damaged;
    from.remove(key);
    index.erase({key});
  }
  return std::nullopt;
}

Result<CachedArtifact> KernelCache::State::keep(const Artifact& artifact) {
  const auto key = ArtifactKey::of(artifact.parts);
  {
    const auto locked = shared.lock();
    locked->in_use.insert(key);
    ++locked->counters.published;
  }
  if (writable && keep_in_folder(key, artifact)) {
    evict();
    return handed_out(artifact.info, folder.path(key));
  }
  if (auto written = scratch.write(artifact); !written) return std::unexpected(written.error());
  return handed_out(artifact.info, scratch.path(key));
}

bool KernelCache::State::keep_in_folder(const ArtifactKey& key, const Artifact& artifact) {
  const auto file_bytes = folder.write(artifact);
  {
    const auto locked = shared.lock();
    const bool news = !file_bytes && !std::exchange(locked->write_failed, !file_bytes.has_value());
    if (news) {
      spdlog::warn("kernel cache: {}; going on in the scratch folder", file_bytes.error().message);
    }
    if (file_bytes) {
      locked->write_failed = false;
      locked->bytes += *file_bytes;
    }
  }
  if (file_bytes) index.insert(key, artifact, *file_bytes);
  return file_bytes.has_value();
}

CacheRemoval KernelCache::State::remove_unused(const std::vector<ArtifactKey>& keys) {
  const auto in_use = shared.lock()->in_use;
  CacheRemoval removal;
  std::vector<ArtifactKey> removed;
  for (const auto& key : keys) {
    if (in_use.contains(key)) continue;
    const auto freed = folder.remove(key);
    removal.files += freed > 0 ? 1 : 0;
    removal.bytes += freed;
    removed.push_back(key);
  }
  index.erase(removed);
  shared.lock()->bytes = index.totals().file_bytes;
  return removal;
}

/// Makes room for some time, not only for the file that was one too many.
void KernelCache::State::evict() {
  {
    const auto locked = shared.lock();
    if (locked->bytes <= locked->evict_above) return;
  }
  const auto removal = remove_unused(index.surplus(size_limit - size_limit / 10));
  const auto locked = shared.lock();
  locked->counters.evictions += removal.files;
  locked->evict_above = std::max(size_limit, locked->bytes + size_limit / 20);
  if (removal.files > 0) {
    spdlog::info("kernel cache: {} files ({} bytes) evicted, {} bytes are left", removal.files, removal.bytes,
                 locked->bytes);
  }
}

std::unique_ptr<KernelCache> KernelCache::open(Options options) {
  return std::unique_ptr<KernelCache>(new KernelCache(std::make_unique<State>(std::move(options))));
}

KernelCache::KernelCache(std::unique_ptr<State> state) : state_(std::move(state)) {}
KernelCache::~KernelCache() = default;

std::optional<CachedArtifact> KernelCache::lookup(const ArtifactKey& key) {
  // Marked first: from here on no other thread of this daemon evicts it.
  const bool marked = state_->shared.lock()->in_use.insert(key).second;
  for (const auto* folder : {&state_->folder, &state_->scratch}) {
    const auto artifact = state_->read(*folder, key);
    if (!artifact) continue;
    ++state_->shared.lock()->counters.hits;
    state_->index.touch(key);
    return handed_out(artifact->info, folder->path(key));
  }
  const auto locked = state_->shared.lock();
  if (marked) locked->in_use.erase(key);
  ++locked->counters.misses;
  return std::nullopt;
}

bool KernelCache::contains(const ArtifactKey& key) const {
  std::error_code ignored;
  return fs::exists(state_->folder.path(key), ignored) || fs::exists(state_->scratch.path(key), ignored);
}

Result<CachedArtifact> KernelCache::publish(const ArtifactParts& parts, const ArtifactInfo& info,
                                            const fs::path& cubin_file) {
  auto cubin = kernels::read_file(cubin_file, k_max_cubin);
  std::error_code ignored;
  fs::remove(cubin_file, ignored);
  if (!cubin) return fail(ErrorCode::io, cubin.error().message);
  if (cubin->empty()) return fail(ErrorCode::io, fmt::format("{} is empty", cubin_file.string()));
  return state_->keep({.parts = parts, .info = info, .cubin = std::move(*cubin)});
}

void KernelCache::publish_failure(const ArtifactParts& parts, const ArtifactInfo& info) {
  const auto kept = state_->keep({.parts = parts, .info = info, .cubin = {}});
  if (!kept) spdlog::warn("kernel cache: {}; a failed compilation is not remembered", kept.error().message);
}

void KernelCache::forget(const ArtifactKey& key) {
  state_->scratch.remove(key);
  const auto freed = state_->folder.remove(key);
  state_->index.erase({key});
  const auto locked = state_->shared.lock();
  locked->in_use.erase(key);
  locked->bytes -= freed;
}

void KernelCache::release_all() {
  state_->index.flush();
  state_->shared.lock()->in_use.clear();
}

CacheStatistics KernelCache::statistics() const {
  const auto totals = state_->index.totals();
  auto statistics = state_->shared.lock()->counters;
  statistics.folder = state_->folder.path();
  statistics.writable = state_->writable;
  statistics.size_limit = state_->size_limit;
  statistics.bytes = totals.file_bytes;
  statistics.kernels = totals.artifacts - totals.failures;
  statistics.failures = totals.failures;
  return statistics;
}

Result<CacheRemoval> KernelCache::trim(std::optional<std::int64_t> bytes) {
  if (!state_->writable) {
    return fail(ErrorCode::forbidden, fmt::format("{} cannot be written", state_->folder.path().string()));
  }
  return state_->remove_unused(state_->index.surplus(bytes.value_or(state_->size_limit)));
}

Result<CacheRemoval> KernelCache::clear() {
  if (!state_->writable) {
    return fail(ErrorCode::forbidden, fmt::format("{} cannot be written", state_->folder.path().string()));
  }
  std::vector<ArtifactKey> keys;
  for (const auto& file : state_->folder.list()) keys.push_back(file.key);
  return state_->remove_unused(keys);
}

Result<nlohmann::ordered_json> KernelCache::explain(std::string_view prefix) const {
  const bool digits = prefix.find_first_not_of("0123456789abcdef") == std::string_view::npos;
  if (!digits || prefix.size() < k_min_prefix || prefix.size() > k_key_digits) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("a key is given by its first {} to {} lower-case hex digits, not \"{}\"", k_min_prefix,
                            k_key_digits, prefix.substr(0, 80)));
  }
  const auto files = state_->folder.list(prefix);
  if (files.empty()) return fail(ErrorCode::not_found, fmt::format("the kernel cache holds nothing under {}", prefix));
  if (files.size() > 1) {
    return fail(ErrorCode::conflict, fmt::format("{} keys start with {}; give more digits", files.size(), prefix));
  }
  const auto& [key, bytes] = files.front();
  const auto artifact = state_->folder.read(key);
  if (!artifact) return std::unexpected(artifact.error());
  const auto facts = state_->index.facts(key).value_or(CacheIndex::Facts());
  nlohmann::ordered_json answer = {{"key", key.hex()},
                                   {"file", state_->folder.path(key).string()},
                                   {"bytes", bytes},
                                   {"cubin_bytes", artifact->cubin.size()}};
  answer["depends_on"] = kernels::to_json(artifact->parts);
  answer["outcome"] = kernels::to_json(artifact->info);
  answer["hits"] = facts.hits;
  answer["last_used_at"] = schema::to_text(facts.last_used_at);
  return answer;
}

nlohmann::ordered_json to_json(const CacheStatistics& statistics) {
  return {{"folder", statistics.folder.string()},
          {"writable", statistics.writable},
          {"size_limit", statistics.size_limit},
          {"bytes", statistics.bytes},
          {"kernels", statistics.kernels},
          {"failures", statistics.failures},
          {"hits", statistics.hits},
          {"misses", statistics.misses},
          {"published", statistics.published},
          {"evictions", statistics.evictions},
          {"damaged", statistics.damaged}};
}

}  // namespace moetune::daemon
