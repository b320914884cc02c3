#include "db/candidate_store.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "db/connection.hpp"
#include "db/dictionary.hpp"
#include "queries.hpp"

namespace moetune::db {
namespace {

using schema::BlockShape;
using schema::CandidateSet;
using schema::StoredCandidateSet;

std::optional<std::int64_t> side(const std::optional<BlockShape>& block, int BlockShape::* member) {
  return block ? std::optional<std::int64_t>((*block).*member) : std::nullopt;
}

std::string last_part(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

std::optional<std::string_view> engine_name(const std::optional<schema::EngineFormat>& engine) {
  return engine ? std::optional(name_of(*engine)) : std::nullopt;
}

StoredCandidateSet read_set(const Query& row) {
  StoredCandidateSet stored;
  schema::CandidateFacts& set = stored.set;
  stored.id = row.integer(0);
  set.path = row.text(1);
  set.file = last_part(set.path);
  set.facts = value_or_throw(schema::engine_file_name_from_text(set.file));
  if (const auto engine = row.optional_text(2)) {
    set.origin.engine = value_or_throw(schema::engine_format_from_name(*engine));
  }
  set.origin.engine_version = row.optional_text(3);
  set.origin.folder = row.optional_text(4);
  stored.digest = row.text(5);
  set.bytes = row.integer(6);
  set.canonical = row.integer(7) != 0;
  stored.triton_version = row.optional_text(8);
  stored.unusable = row.integer(9);
  stored.imported_at = {row.integer(10)};
  set.name = row.text(11);
  stored.rows = row.integer(12);
  stored.discarded = row.integer(13) != 0;
  return stored;
}

void add_set(Connection& connection, const CandidateSet& set, const std::string& digest, std::int64_t unusable) {
  connection.run(sql::add_candidate_set_sql, set.name, digest, set.path, engine_name(set.origin.engine),
                 set.origin.engine_version, set.origin.folder, set.facts.device, set.facts.num_experts,
                 set.facts.intermediate_size, set.facts.dtype_word, side(set.facts.block_shape, &BlockShape::n),
                 side(set.facts.block_shape, &BlockShape::k), set.bytes, set.canonical, set.rows.triton_version(),
                 unusable, schema::now().ms);
}

std::unexpected<schema::Error> no_such_set(std::int64_t id) {
  return schema::fail(ErrorCode::not_found, fmt::format("there is no candidate set {}", id));
}

}  // namespace

Result<AddedCandidateSet> add_candidate_set(Transaction& transaction, const CandidateSet& set,
                                            const std::string& digest) {
  return guarded([&]() -> Result<AddedCandidateSet> {
    Connection& connection = transaction.connection();
    auto known = connection.query(sql::find_candidate_set_by_name_sql, set.name, digest);
    if (known.step()) {
      connection.run(sql::discard_candidate_set_sql, known.integer(0), false);
      return AddedCandidateSet{known.integer(0), true};
    }
    const auto tiles = candidate_tiles(set);
    add_set(connection, set, digest, tiles.unusable);
    const std::int64_t id = connection.last_insert_id();
    connection.run(sql::add_candidate_content_sql, id, engine_rows_text(set.rows));
    for (const auto& [batch, tile] : tiles.rows) {
      connection.run(sql::add_candidate_sql, id, batch, intern_config(connection, tile));
    }
    return AddedCandidateSet{id, false};
  });
}

Result<StoredCandidateSet> find_candidate_set(Snapshot& snapshot, std::int64_t id) {
  return guarded([&]() -> Result<StoredCandidateSet> {
    auto row = snapshot.connection().query(sql::find_candidate_set_sql, id);
    if (!row.step()) return no_such_set(id);
    return read_set(row);
  });
}

Result<StoredCandidateSet> discard_candidate_set(Transaction& transaction, std::int64_t id) {
  return guarded([&]() -> Result<StoredCandidateSet> {
    transaction.connection().run(sql::discard_candidate_set_sql, id, true);
    return find_candidate_set(transaction, id);
  });
}

Result<schema::SeedingSet> find_seeding_set(Snapshot& snapshot, std::int64_t id) {
  return guarded([&]() -> Result<schema::SeedingSet> {
    Connection& connection = snapshot.connection();
    auto row = connection.query(sql::find_seeding_set_sql, id);
    if (!row.step()) return no_such_set(id);
    schema::SeedingSet set{.id = id, .name = row.text(0), .device = row.text(1), .tiles = {{}, row.integer(2)}};
    auto tile = connection.query(sql::list_candidates_sql, id);
    while (tile.step()) set.tiles.rows.emplace_back(tile.integer(0), read_config(connection, tile, 1));
    return set;
  });
}

Result<CandidateContent> find_candidate_content(Snapshot& snapshot, std::int64_t id) {
  return guarded([&]() -> Result<CandidateContent> {
    auto row = snapshot.connection().query(sql::find_candidate_content_sql, id);
    if (!row.step()) return no_such_set(id);
    return CandidateContent{last_part(row.text(0)), row.text(1)};
  });
}

Result<std::vector<StoredCandidateSet>> list_candidate_sets(Snapshot& snapshot, const CandidateFilter& filter,
                                                            std::optional<std::int64_t> after, std::int64_t limit) {
  return guarded([&]() -> Result<std::vector<StoredCandidateSet>> {
    const auto block = filter.block_shape.value_or(std::nullopt);
    auto row = snapshot.connection().query(
        sql::list_candidate_set_ids_sql, after.value_or(0), filter.num_experts, filter.intermediate_size, filter.dtype,
        filter.device, engine_name(filter.engine), filter.block_shape.has_value(), side(block, &BlockShape::n),
        side(block, &BlockShape::k), limit, filter.include_discarded);
    std::vector<StoredCandidateSet> sets;
    while (row.step()) sets.push_back(value_or_throw(find_candidate_set(snapshot, row.integer(0))));
    return sets;
  });
}

Result<std::vector<schema::SeedingSet>> seeding_sets(Snapshot& snapshot, const schema::Problem& problem,
                                                     std::int64_t limit) {
  return guarded([&]() -> Result<std::vector<schema::SeedingSet>> {
    // A block shape with a zero, of weights in groups, is left out of the name.
    const bool named = problem.block_shape && problem.block_shape->n > 0 && problem.block_shape->k > 0;
    const auto block = named ? problem.block_shape : std::nullopt;
    auto row = snapshot.connection().query(sql::newest_candidate_set_ids_sql, problem.num_experts,
                                           problem.intermediate_size, name_of(problem.dtype),
                                           side(block, &BlockShape::n), side(block, &BlockShape::k), limit);
    std::vector<schema::SeedingSet> sets;
    while (row.step()) sets.push_back(value_or_throw(find_seeding_set(snapshot, row.integer(0))));
    std::ranges::reverse(sets);
    return sets;
  });
}

Result<void> set_sweep_candidates(Transaction& transaction, std::int64_t sweep,
                                  const std::vector<schema::CandidateShare>& shares) {
  return guarded([&]() -> Result<void> {
    for (const auto& share : shares) {
      transaction.connection().run(sql::add_sweep_candidates_sql, sweep, share.set, share.candidates, share.left_out);
    }
    return {};
  });
}

Result<std::vector<schema::CandidateShare>> candidates_of_sweep(Snapshot& snapshot, std::int64_t sweep) {
  return guarded([&]() -> Result<std::vector<schema::CandidateShare>> {
    auto row = snapshot.connection().query(sql::list_sweep_candidates_sql, sweep);
    std::vector<schema::CandidateShare> shares;
    while (row.step()) shares.push_back({row.integer(0), row.text(1), row.integer(2), row.integer(3)});
    return shares;
  });
}

}  // namespace moetune::db
