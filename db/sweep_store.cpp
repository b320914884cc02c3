#include "db/sweep_store.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "db/connection.hpp"
#include "db/dictionary.hpp"
#include "db/run.hpp"
#include "queries.hpp"

namespace moetune::db {
namespace {

using schema::SweepPhase;
using schema::SweepState;
using schema::Timestamp;

constexpr std::array k_transitions = {
    std::pair{SweepState::queued, SweepState::running},    std::pair{SweepState::queued, SweepState::paused},
    std::pair{SweepState::queued, SweepState::cancelled},  std::pair{SweepState::queued, SweepState::failed},
    std::pair{SweepState::running, SweepState::running},   std::pair{SweepState::running, SweepState::done},
    std::pair{SweepState::running, SweepState::failed},    std::pair{SweepState::running, SweepState::paused},
    std::pair{SweepState::running, SweepState::cancelled}, std::pair{SweepState::paused, SweepState::paused},
    std::pair{SweepState::paused, SweepState::running},    std::pair{SweepState::paused, SweepState::queued},
    std::pair{SweepState::paused, SweepState::cancelled},
};

bool is_allowed(SweepState from, SweepState to) {
  return std::ranges::find(k_transitions, std::pair{from, to}) != k_transitions.end();
}

std::optional<Timestamp> optional_time(const Query& row, int column) {
  const auto ms = row.optional_integer(column);
  return ms ? std::optional(Timestamp{*ms}) : std::nullopt;
}

nlohmann::json stored_json(const Query& row, int column, std::string_view what) {
  if (row.is_null(column)) return nullptr;
  auto value = nlohmann::json::parse(row.text(column), nullptr, false);
  if (value.is_discarded()) throw Fault({ErrorCode::data_damaged, fmt::format("the stored {} is not JSON", what)});
  return value;
}

Sweep read_sweep(const Query& row) {
  Sweep sweep;
  sweep.id = row.integer(0);
  sweep.label = row.text(1);
  sweep.spec = value_or_throw(
      schema::sweep_spec_from_json(stored_json(row, 2, fmt::format("specification of sweep {}", sweep.id))));
  sweep.state = value_or_throw(schema::sweep_state_from_name(row.text(3)));
  sweep.resolved = stored_json(row, 4, fmt::format("resolution of sweep {}", sweep.id));
  sweep.total = row.optional_integer(5);
  sweep.not_recorded = row.integer(6);
  sweep.compiles = {.done = row.integer(7), .cached = row.integer(8), .failed = row.integer(9)};
  sweep.created_at = {row.integer(10)};
  sweep.started_at = optional_time(row, 11);
  sweep.finished_at = optional_time(row, 12);
  sweep.error = row.text(13);
  sweep.discarded = row.integer(14) != 0;
  sweep.phase = value_or_throw(schema::sweep_phase_from_name(row.text(15)));
  sweep.scanned = row.integer(16) != 0;
  return sweep;
}

std::string as_text(const nlohmann::json& value) {
  return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::unexpected<Error> no_such_sweep(std::int64_t id) {
  return schema::fail(ErrorCode::not_found, fmt::format("there is no sweep {}", id));
}

/// The sweeps whose ids `rows` lists.
std::vector<Sweep> sweeps_of(Snapshot& snapshot, Query rows) {
  std::vector<Sweep> sweeps;
  while (rows.step()) sweeps.push_back(value_or_throw(find_sweep(snapshot, rows.integer(0))));
  return sweeps;
}

}  // namespace

Result<std::int64_t> create_sweep(Transaction& transaction, const schema::SweepSpec& spec) {
  return guarded([&]() -> Result<std::int64_t> {
    Connection& connection = transaction.connection();
    connection.run(sql::add_sweep_sql, intern_problem(connection, spec.problem), to_json(spec).dump(),
                   schema::now().ms);
    const std::int64_t id = connection.last_insert_id();
    connection.run(sql::add_sweep_run_sql, id, name_of(SweepPhase::measure));
    return id;
  });
}

Result<Sweep> find_sweep(Snapshot& snapshot, std::int64_t id) {
  return guarded([&]() -> Result<Sweep> {
    auto row = snapshot.connection().query(sql::find_sweep_sql, id);
    if (!row.step()) return no_such_sweep(id);
    return read_sweep(row);
  });
}

Result<std::vector<Sweep>> list_sweeps(Snapshot& snapshot, std::optional<std::int64_t> after, std::int64_t limit) {
  return guarded([&]() -> Result<std::vector<Sweep>> {
    return sweeps_of(snapshot, snapshot.connection().query(sql::list_sweep_ids_sql, after.value_or(0), limit));
  });
}

Result<std::optional<Sweep>> next_queued_sweep(Snapshot& snapshot) {
  return guarded([&]() -> Result<std::optional<Sweep>> {
    auto row = snapshot.connection().query(sql::next_queued_sweep_id_sql);
    if (!row.step() || row.is_null(0)) return std::nullopt;
    return value_or_throw(find_sweep(snapshot, row.integer(0)));
  });
}

Result<std::vector<Sweep>> unfinished_sweeps(Snapshot& snapshot) {
  return guarded([&]() -> Result<std::vector<Sweep>> {
    return sweeps_of(snapshot, snapshot.connection().query(sql::unfinished_sweep_ids_sql));
  });
}

Result<Sweep> change_sweep_state(Transaction& transaction, std::int64_t id, SweepState state, std::string_view error) {
  return guarded([&]() -> Result<Sweep> {
    auto sweep = find_sweep(transaction, id);
    if (!sweep) return sweep;
    if (!is_allowed(sweep->state, state)) {
      return schema::fail(ErrorCode::conflict, fmt::format("sweep {} is {} and cannot become {}", id,
                                                           name_of(sweep->state), name_of(state)));
    }
    if (sweep->state == state) return sweep;
    const std::int64_t now = schema::now().ms;
    const auto when = [&](bool set) { return set ? std::optional(now) : std::nullopt; };
    transaction.connection().run(sql::set_sweep_state_sql, id, name_of(state), when(state == SweepState::running),
                                 when(is_final(state)), error);
    return find_sweep(transaction, id);
  });
}

Result<void> resolve_sweep(Transaction& transaction, std::int64_t id, const Resolution& resolution) {
  return guarded([&]() -> Result<void> {
    auto sweep = find_sweep(transaction, id);
    if (!sweep) return std::unexpected(sweep.error());
    if (is_final(sweep->state)) {
      return schema::fail(ErrorCode::conflict, fmt::format("sweep {} is {} already", id, name_of(sweep->state)));
    }
    Connection& connection = transaction.connection();
    connection.run(sql::resolve_sweep_sql, id, as_text(resolution.resolved), resolution.total, resolution.not_recorded,
                   name_of(resolution.phase));
    connection.run(sql::add_sweep_run_sql, id, name_of(resolution.phase));
    return {};
  });
}

Result<void> set_sweep_total(Transaction& transaction, std::int64_t id, std::int64_t total) {
  return guarded([&]() -> Result<void> {
    const auto changed = transaction.connection().run(sql::set_sweep_total_sql, id, total);
    return changed == 1 ? Result<void>() : no_such_sweep(id);
  });
}

Result<void> add_compile_counts(Transaction& transaction, std::int64_t id, const CompileCounts& more) {
  return guarded([&]() -> Result<void> {
    const auto changed =
        transaction.connection().run(sql::add_compile_counts_sql, id, more.done, more.cached, more.failed);
    return changed == 1 ? Result<void>() : no_such_sweep(id);
  });
}

Result<Sweep> discard_sweep(Transaction& transaction, std::int64_t id) {
  return guarded([&]() -> Result<Sweep> {
    auto sweep = find_sweep(transaction, id);
    if (!sweep) return sweep;
    if (!is_final(sweep->state)) {
      return schema::fail(ErrorCode::conflict,
                          fmt::format("sweep {} is {}; cancel it before discarding it", id, name_of(sweep->state)));
    }
    transaction.connection().run(sql::discard_sweep_run_sql, id);
    sweep->discarded = true;
    return sweep;
  });
}

Result<void> set_sweep_default(Transaction& transaction, std::int64_t id, std::int64_t batch,
                               const schema::TileConfig& config, std::string_view source) {
  return guarded([&]() -> Result<void> {
    Connection& connection = transaction.connection();
    const std::int64_t run = run_of_sweep(connection, id);
    connection.run(sql::add_run_default_sql, run, batch, intern_config(connection, config), source);
    auto stored = connection.query(sql::find_run_default_sql, run, batch);
    if (stored.step() && read_config(connection, stored, 0) == config && stored.text(7) == source) return {};
    return schema::fail(ErrorCode::conflict,
                        fmt::format("sweep {} has another default for batch {} already: {} ({})", id, batch,
                                    schema::short_text(read_config(connection, stored, 0)), stored.text(7)));
  });
}

}  // namespace moetune::db
