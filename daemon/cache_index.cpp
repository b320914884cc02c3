#include "daemon/cache_index.hpp"

#include <spdlog/spdlog.h>

#include <utility>

namespace moetune::daemon {
namespace {

using kernels::ArtifactKey;

constexpr std::size_t k_uses_per_write = 64;
constexpr std::int64_t k_page = 1000;

void log_failure(std::string_view what, const schema::Error& error) {
  spdlog::warn("kernel cache: cannot {} its index: {}; going on without", what, error.message);
}

db::Artifact row_of(const ArtifactKey& key, const kernels::Artifact& artifact, std::int64_t file_bytes) {
  const auto& info = artifact.info;
  return {.key = key.hex(),
          .kind = std::string(kernels::name_of(artifact.parts.unit)),
          .status = info.status,
          .log_tail = info.log_tail,
          .file_bytes = file_bytes,
          .depends_on = kernels::to_json(artifact.parts),
          .metadata = {{"shared_bytes", info.shared_bytes},
                       {"registers", info.registers},
                       {"spill_bytes", info.spill_bytes},
                       {"cubin_bytes", artifact.cubin.size()},
                       {"seconds", info.seconds}},
          .created_at = info.compiled_at,
          .last_used_at = schema::now(),
          .hits = 0};
}

std::vector<std::string> texts_of(const auto& keys) {
  std::vector<std::string> texts;
  for (const auto& key : keys) texts.push_back(key.hex());
  return texts;
}

}  // namespace

CacheIndex::CacheIndex(const ArtifactFolder& folder, bool writable) : folder_(folder), writable_(writable) {
  auto opened = db::ArtifactIndex::open(folder.path(), writable ? db::Access::read_write : db::Access::read_only);
  if (!opened) {
    if (writable) log_failure("open", opened.error());
    return;
  }
  index_ = std::move(*opened);
  if (!index_->discarded_because().empty()) {
    spdlog::warn("kernel cache: its index is made anew from the files: {}", index_->discarded_because());
  }
  if (writable) reconcile();
}

CacheIndex::~CacheIndex() {
  flush();
}

void CacheIndex::reconcile() {
  auto gone = indexed_keys();
  std::int64_t adopted = 0;
  for (const auto& file : folder_.list()) {
    if (gone.erase(file.key) != 0) continue;
    insert_file(file);
    ++adopted;
  }
  erase({gone.begin(), gone.end()});
  if (adopted + std::ssize(gone) > 0) {
    spdlog::info("kernel cache: {} files were not in the index, {} entries had no file", adopted, gone.size());
  }
}

std::set<ArtifactKey> CacheIndex::indexed_keys() {
  std::set<ArtifactKey> keys;
  for (std::string after;;) {
    const auto page = index_->list(after, k_page);
    if (!page) log_failure("read", page.error());
    if (!page || page->empty()) return keys;
    for (const auto& row : *page) {
      if (auto key = ArtifactKey::from_hex(row.key)) keys.insert(std::move(*key));
    }
    after = page->back().key;
  }
}

void CacheIndex::insert_file(const ArtifactFile& file) {
  const auto artifact = folder_.read(file.key);
  if (artifact) {
    insert(file.key, *artifact, file.bytes);
  } else if (artifact.error().code == schema::ErrorCode::data_damaged) {
    spdlog::warn("kernel cache: {}; removed", artifact.error().message);
    folder_.remove(file.key);
  }
}

void CacheIndex::insert(const ArtifactKey& key, const kernels::Artifact& artifact, std::int64_t file_bytes) {
  if (!index_ || !writable_) return;
  if (auto done = index_->insert(row_of(key, artifact, file_bytes)); !done) log_failure("write", done.error());
}

void CacheIndex::touch(const ArtifactKey& key) {
  bool full = false;
  {
    const auto uses = uses_.lock();
    uses->insert(key);
    full = uses->size() >= k_uses_per_write;
  }
  if (full) flush();
}

void CacheIndex::flush() {
  const auto uses = std::exchange(*uses_.lock(), {});
  if (!index_ || !writable_ || uses.empty()) return;
  if (auto done = index_->touch(texts_of(uses), schema::now()); !done) log_failure("write", done.error());
}

void CacheIndex::erase(const std::vector<ArtifactKey>& keys) {
  if (!index_ || !writable_ || keys.empty()) return;
  if (auto done = index_->erase(texts_of(keys)); !done) log_failure("write", done.error());
}

db::ArtifactTotals CacheIndex::totals() {
  if (!index_) return {};
  return index_->totals().value_or(db::ArtifactTotals());
}

std::optional<CacheIndex::Facts> CacheIndex::facts(const ArtifactKey& key) {
  flush();
  if (!index_) return std::nullopt;
  const auto row = index_->find(key.hex());
  if (!row || !*row) return std::nullopt;
  return Facts{.hits = (*row)->hits, .last_used_at = (*row)->last_used_at};
}

std::vector<ArtifactKey> CacheIndex::surplus(std::int64_t limit_bytes) {
  flush();
  std::vector<ArtifactKey> keys;
  if (!index_) return keys;
  const auto rows = index_->surplus(limit_bytes);
  if (!rows) log_failure("read", rows.error());
  if (!rows) return keys;
  for (const auto& row : *rows) {
    if (auto key = ArtifactKey::from_hex(row.key)) keys.push_back(std::move(*key));
  }
  return keys;
}

}  // namespace moetune::daemon
