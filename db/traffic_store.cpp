#include "db/traffic_store.hpp"

#include <fmt/format.h>

#include "db/connection.hpp"
#include "queries.hpp"

namespace moetune::db {
namespace {

using schema::StoredTraffic;

schema::TrafficSource read_source(const Query& row, int column) {
  return value_or_throw(schema::traffic_source_from_name(row.text(column)));
}

/// The import, of no id the newest one.
std::optional<StoredTraffic> read_import(Connection& connection, std::optional<std::int64_t> id) {
  auto row = connection.query(sql::find_traffic_import_sql, id);
  if (!row.step()) return std::nullopt;
  StoredTraffic stored;
  stored.id = row.integer(0);
  stored.traffic.name = row.text(1);
  stored.traffic.source = read_source(row, 2);
  stored.traffic.lines = row.integer(3);
  stored.imported_at = {row.integer(4)};
  auto batch = connection.query(sql::list_traffic_batches_sql, stored.id);
  while (batch.step()) {
    stored.traffic.batches.push_back({batch.integer(0), batch.integer(1), batch.optional_real(2)});
  }
  return stored;
}

}  // namespace

Result<std::int64_t> add_traffic(Transaction& transaction, const schema::Traffic& traffic) {
  return guarded([&]() -> Result<std::int64_t> {
    Connection& connection = transaction.connection();
    connection.run(sql::add_traffic_import_sql, traffic.name, name_of(traffic.source), traffic.lines, schema::now().ms);
    const std::int64_t id = connection.last_insert_id();
    for (const auto& batch : traffic.batches) {
      connection.run(sql::add_traffic_batch_sql, id, batch.tokens, batch.steps, batch.time_ms);
    }
    return id;
  });
}

Result<std::optional<StoredTraffic>> newest_traffic(Snapshot& snapshot) {
  return guarded(
      [&]() -> Result<std::optional<StoredTraffic>> { return read_import(snapshot.connection(), std::nullopt); });
}

Result<StoredTraffic> find_traffic(Snapshot& snapshot, std::int64_t id) {
  return guarded([&]() -> Result<StoredTraffic> {
    auto stored = read_import(snapshot.connection(), id);
    if (!stored) return schema::fail(ErrorCode::not_found, fmt::format("there is no import of traffic {}", id));
    return std::move(*stored);
  });
}

Result<std::vector<TrafficImport>> list_traffic(Snapshot& snapshot, std::int64_t limit) {
  return guarded([&]() -> Result<std::vector<TrafficImport>> {
    auto row = snapshot.connection().query(sql::list_traffic_imports_sql, limit);
    std::vector<TrafficImport> imports;
    while (row.step()) {
      imports.push_back({row.integer(0), row.text(1), read_source(row, 2), {row.integer(3)}, row.integer(4)});
    }
    return imports;
  });
}

}  // namespace moetune::db
