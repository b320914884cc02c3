#include "db/sibling_store.hpp"

#include <fmt/format.h>

#include "db/connection.hpp"
#include "queries.hpp"
#include "schema/strict_json.hpp"

namespace moetune::db {
namespace {

Result<SiblingSeeds> seeds_from_json(const nlohmann::json& list) {
  SiblingSeeds seeds;
  if (!list.is_array()) return schema::fail(ErrorCode::data_damaged, "they are no list");
  for (const auto& element : list) {
    schema::ObjectReader reader(element, "seed");
    const auto batch = reader.integer("batch", 1, schema::ObjectReader::k_max);
    const auto* fields = reader.required_raw("config");
    if (auto done = reader.finish(); !done) return std::unexpected(done.error());
    auto config = schema::tile_config_from_json(*fields);
    if (!config) return std::unexpected(config.error());
    seeds[batch].push_back(*config);
  }
  return seeds;
}

}  // namespace

Result<void> set_sibling_seeds(Transaction& transaction, std::int64_t sweep, const SiblingSeeds& seeds) {
  return guarded([&]() -> Result<void> {
    nlohmann::ordered_json list = nlohmann::ordered_json::array();
    for (const auto& [batch, configs] : seeds) {
      for (const auto& config : configs) list.push_back({{"batch", batch}, {"config", to_json(config)}});
    }
    transaction.connection().run(sql::add_sibling_seeds_sql, sweep, list.dump());
    return {};
  });
}

Result<std::optional<SiblingSeeds>> sibling_seeds_of(Snapshot& snapshot, std::int64_t sweep) {
  return guarded([&]() -> Result<std::optional<SiblingSeeds>> {
    auto row = snapshot.connection().query(sql::find_sibling_seeds_sql, sweep);
    if (!row.step()) return std::nullopt;
    const auto list = schema::parse_json(row.text(0), "seeds");
    auto seeds = list ? seeds_from_json(*list) : Result<SiblingSeeds>(std::unexpected(list.error()));
    if (seeds) return std::optional(std::move(*seeds));
    return schema::fail(ErrorCode::data_damaged,
                        fmt::format("the stored seeds of sweep {}: {}", sweep, seeds.error().message));
  });
}

}  // namespace moetune::db
