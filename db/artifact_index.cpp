#include "db/artifact_index.hpp"

#include <fmt/format.h>

#include "db/connection.hpp"
#include "db/database_file.hpp"
#include "db/file_examination.hpp"
#include "db/synchronized.hpp"
#include "queries.hpp"

namespace moetune::db {
namespace {

constexpr std::string_view k_begin = "BEGIN IMMEDIATE";
constexpr std::string_view k_commit = "COMMIT";

std::filesystem::path index_path(const std::filesystem::path& cache_dir) {
  return cache_dir / "index.db";
}

bool remove_index(const std::filesystem::path& file) {
  std::error_code error;
  for (const char* suffix : {"", "-wal", "-shm", "-journal"}) std::filesystem::remove(file.string() + suffix, error);
  return !std::filesystem::exists(file);
}

std::string as_text(const nlohmann::json& value) {
  return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

nlohmann::json stored_json(const Query& row, int column) {
  auto value = nlohmann::json::parse(row.text(column), nullptr, false);
  if (value.is_discarded()) {
    throw Fault({ErrorCode::data_damaged, fmt::format("the stored facts of artifact {} are not JSON", row.text(0))});
  }
  return value;
}

Artifact read_artifact(const Query& row) {
  Artifact artifact;
  artifact.key = row.text(0);
  artifact.kind = row.text(1);
  artifact.status = value_or_throw(schema::trial_status_from_name(row.text(2)));
  artifact.log_tail = row.text(3);
  artifact.file_bytes = row.integer(4);
  artifact.depends_on = stored_json(row, 5);
  artifact.metadata = stored_json(row, 6);
  artifact.created_at = {row.integer(7)};
  artifact.last_used_at = {row.integer(8)};
  artifact.hits = row.integer(9);
  return artifact;
}

std::vector<Artifact> artifacts_of(Query rows) {
  std::vector<Artifact> artifacts;
  while (rows.step()) artifacts.push_back(read_artifact(rows));
  return artifacts;
}

ArtifactTotals read_totals(Connection& connection) {
  auto row = connection.query(sql::artifact_totals_sql);
  if (!row.step()) return {};
  return {
      .artifacts = row.integer(0), .failures = row.integer(1), .file_bytes = row.integer(2), .hits = row.integer(3)};
}

/// Opens the index and reads all of it once: it is small, and what is damaged is better dropped now than in use.
Result<std::unique_ptr<Connection>> open_whole(const std::filesystem::path& file) {
  const ConnectionOptions options{.path = file, .mode = OpenMode::write, .sync_every_commit = false};
  auto opened = open_writer(options, artifact_index_schema(), Writers::several);
  if (!opened) return opened;
  return guarded([&]() -> Result<std::unique_ptr<Connection>> {
    const std::string finding = (*opened)->text("PRAGMA quick_check(1)");
    if (finding == "ok") return std::move(*opened);
    return schema::fail(ErrorCode::data_damaged, fmt::format("{} is damaged: {}", file.string(), finding));
  });
}

}  // namespace

struct ArtifactIndex::State {
  Synchronized<std::unique_ptr<Connection>> connection;
  bool fresh = false;
  std::string discarded_because;

  /// Runs one statement or several reads.
  template <typename Body>
  auto use(Body&& body) -> std::invoke_result_t<Body&, Connection&> {
    const auto held = connection.lock();
    return guarded([&] { return body(**held); });
  }

  template <typename Body>
  Result<void> change(Body&& body) {
    const auto held = connection.lock();
    Connection& writer = **held;
    auto done = guarded([&]() -> Result<void> {
      writer.run(k_begin);
      body(writer);
      writer.run(k_commit);
      return {};
    });
    if (!done) writer.roll_back();
    return done;
  }
};

Result<std::unique_ptr<ArtifactIndex>> ArtifactIndex::open(const std::filesystem::path& cache_dir, Access access) {
  const std::filesystem::path file = index_path(cache_dir);
  auto state = std::make_unique<State>();
  if (access == Access::read_only) {
    auto mode = examine_for_reading(file, cache_dir / "index.lock", artifact_index_schema());
    if (!mode) return std::unexpected(mode.error());
    auto opened = guarded([&]() -> Result<std::unique_ptr<Connection>> {
      return std::make_unique<Connection>(ConnectionOptions{.path = file, .mode = *mode});
    });
    if (!opened) return std::unexpected(opened.error());
    *state->connection.lock() = std::move(*opened);
    return std::unique_ptr<ArtifactIndex>(new ArtifactIndex(std::move(state)));
  }
  if (auto made = make_folder(cache_dir); !made) return std::unexpected(made.error());
  const auto condition = examine_database_file(file);
  state->fresh = condition && *condition == FileCondition::missing;
  auto opened = open_whole(file);
  const bool unusable =
      !opened && (opened.error().code == ErrorCode::data_damaged || opened.error().code == ErrorCode::conflict);
  if (unusable && remove_index(file)) {
    state->discarded_because = opened.error().message;
    state->fresh = true;
    opened = open_whole(file);
  }
  if (!opened) return std::unexpected(opened.error());
  *state->connection.lock() = std::move(*opened);
  return std::unique_ptr<ArtifactIndex>(new ArtifactIndex(std::move(state)));
}

ArtifactIndex::ArtifactIndex(std::unique_ptr<State> state) : state_(std::move(state)) {}
ArtifactIndex::~ArtifactIndex() = default;

bool ArtifactIndex::fresh() const {
  return state_->fresh;
}
const std::string& ArtifactIndex::discarded_because() const {
  return state_->discarded_because;
}

Result<std::optional<Artifact>> ArtifactIndex::find(std::string_view key) {
  return state_->use([&](Connection& connection) -> Result<std::optional<Artifact>> {
    auto row = connection.query(sql::find_artifact_sql, key);
    return row.step() ? std::optional(read_artifact(row)) : std::nullopt;
  });
}

Result<void> ArtifactIndex::insert(const Artifact& artifact) {
  return state_->change([&](Connection& connection) {
    connection.run(sql::add_artifact_sql, artifact.key, artifact.kind, name_of(artifact.status), artifact.log_tail,
                   artifact.file_bytes, as_text(artifact.depends_on), as_text(artifact.metadata),
                   artifact.created_at.ms, artifact.last_used_at.ms, artifact.hits);
  });
}

Result<void> ArtifactIndex::touch(const std::vector<std::string>& keys, schema::Timestamp when) {
  return state_->change([&](Connection& connection) {
    for (const std::string& key : keys) connection.run(sql::touch_artifact_sql, key, when.ms);
  });
}

Result<void> ArtifactIndex::erase(const std::vector<std::string>& keys) {
  return state_->change([&](Connection& connection) {
    for (const std::string& key : keys) connection.run(sql::erase_artifact_sql, key);
  });
}

Result<void> ArtifactIndex::clear() {
  return state_->change([](Connection& connection) { connection.run(sql::clear_artifacts_sql); });
}

Result<std::vector<Artifact>> ArtifactIndex::surplus(std::int64_t limit_bytes) {
  return state_->use([&](Connection& connection) -> Result<std::vector<Artifact>> {
    std::int64_t left = read_totals(connection).file_bytes;
    std::vector<Artifact> surplus;
    auto row = connection.query(sql::list_artifacts_by_use_sql);
    while (left > limit_bytes && row.step()) {
      surplus.push_back(read_artifact(row));
      left -= surplus.back().file_bytes;
    }
    return surplus;
  });
}

Result<ArtifactTotals> ArtifactIndex::totals() {
  return state_->use([](Connection& connection) -> Result<ArtifactTotals> { return read_totals(connection); });
}

Result<std::vector<Artifact>> ArtifactIndex::list(std::string_view after, std::int64_t limit) {
  return state_->use([&](Connection& connection) -> Result<std::vector<Artifact>> {
    return artifacts_of(connection.query(sql::list_artifacts_sql, after, limit));
  });
}

Result<std::vector<Artifact>> ArtifactIndex::find_by_prefix(std::string_view prefix, std::int64_t limit) {
  return state_->use([&](Connection& connection) -> Result<std::vector<Artifact>> {
    return artifacts_of(connection.query(sql::list_artifacts_by_prefix_sql, prefix, limit));
  });
}

}  // namespace moetune::db
