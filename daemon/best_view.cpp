#include "daemon/best_view.hpp"

#include <fmt/format.h>

#include "daemon/search/heats.hpp"

namespace moetune::daemon {

search::Measured measured(const db::MeasuredRow& row) {
  return {row.config, row.latency_us, row.samples_us, row.rounds_us, row.rounds_of.value_or("")};
}

search::Default default_of(const db::BatchBest& row) {
  search::Default fallback{*row.default_config, std::nullopt, row.default_failed};
  if (row.default_chunks > 0) {
    fallback.failure =
        fmt::format("{} after {} round{}", row.default_status, row.default_chunks, row.default_chunks == 1 ? "" : "s");
  }
  if (row.default_row) fallback.measured = measured(*row.default_row);
  return fallback;
}

schema::Result<void> prefer_judged(db::Snapshot& snapshot, db::BatchBest& run) {
  if (auto moved = db::move_to_gpu_of_default(snapshot, run); !moved) return moved;
  const std::size_t of_default = run.default_row ? run.default_row->rounds_us.size() : 0;
  return db::prefer_rounds(snapshot, run, search::rounds_to_decide(of_default));
}

search::Choice choice_for(const db::BatchBest& row) {
  const auto fallback = row.default_config ? std::optional(default_of(row)) : std::nullopt;
  if (row.incumbent) return search::choose_again(measured(row.best), fallback, measured(*row.incumbent), row.rule);
  return search::choose(measured(row.best), fallback, row.rule);
}

nlohmann::ordered_json best_entry(const db::BatchBest& row, const search::Choice& choice,
                                  const std::optional<std::string>& decided_by) {
  const auto or_null = [](const std::optional<std::string>& sweep) {
    return sweep ? nlohmann::ordered_json(*sweep) : nlohmann::ordered_json();
  };
  nlohmann::ordered_json entry;
  entry["config"] = schema::to_json(row.best.config);
  entry["latency_us"] = row.best.latency_us;
  entry["default_latency_us"] = nullptr;
  entry["speedup"] = nullptr;
  if (row.default_row) {
    entry["default_latency_us"] = row.default_row->latency_us;
    entry["speedup"] = row.default_row->latency_us / row.best.latency_us;
  }
  entry["samples"] = row.best.samples_us.size();
  entry["sweep"] = or_null(row.sweep);
  nlohmann::ordered_json chosen;
  chosen["config"] = schema::to_json(choice.config);
  chosen["latency_us"] = nullptr;
  if (choice.latency_us) chosen["latency_us"] = *choice.latency_us;
  chosen["default"] = choice.is_default;
  chosen["sweep"] = or_null(decided_by);
  entry["chosen"] = std::move(chosen);
  entry["reason"] = choice.reason;
  return entry;
}

}  // namespace moetune::daemon
