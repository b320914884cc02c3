#include "db/routing_store.hpp"

#include <fmt/format.h>

#include "db/connection.hpp"
#include "queries.hpp"
#include "schema/strict_json.hpp"

namespace moetune::db {
namespace {

schema::ExpertCounts read_counts(const std::string& name, const std::string& text) {
  auto value = schema::parse_json(text, name);
  auto counts = value ? schema::expert_counts_from_json(*value) : std::unexpected(value.error());
  if (counts) return std::move(*counts);
  throw Fault(
      {ErrorCode::data_damaged, fmt::format("the stored counts of routing {}: {}", name, counts.error().message)});
}

std::optional<StoredExpertCounts> find(Connection& connection, const std::string& name) {
  auto row = connection.query(sql::find_expert_counts_sql, name);
  if (!row.step()) return std::nullopt;
  return StoredExpertCounts{read_counts(name, row.text(0)), {row.integer(1)}};
}

}  // namespace

Result<void> keep_expert_counts(Transaction& transaction, const std::string& name, const schema::ExpertCounts& counts) {
  return guarded([&]() -> Result<void> {
    Connection& connection = transaction.connection();
    if (const auto known = find(connection, name)) {
      if (known->counts == counts) return {};
      return schema::fail(ErrorCode::conflict, fmt::format("routing {} stands for other counts already", name));
    }
    connection.run(sql::add_expert_counts_sql, name, to_json(counts).dump(), schema::now().ms);
    return {};
  });
}

Result<std::optional<StoredExpertCounts>> find_expert_counts(Snapshot& snapshot, const std::string& name) {
  return guarded([&]() -> Result<std::optional<StoredExpertCounts>> { return find(snapshot.connection(), name); });
}

Result<std::vector<ExpertCountsEntry>> list_expert_counts(Snapshot& snapshot, std::optional<std::int64_t> after,
                                                          std::int64_t limit) {
  return guarded([&]() -> Result<std::vector<ExpertCountsEntry>> {
    auto row = snapshot.connection().query(sql::list_expert_counts_sql, after.value_or(0), limit);
    std::vector<ExpertCountsEntry> entries;
    while (row.step()) {
      entries.push_back({row.integer(0), row.text(1), row.integer(2), row.integer(3), {row.integer(4)}});
    }
    return entries;
  });
}

}  // namespace moetune::db
