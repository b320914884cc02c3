#pragma once

#include <map>
#include <optional>
#include <vector>

#include "daemon/file_plan.hpp"
#include "tests/db/store_fixture.hpp"

namespace moetune::daemon {

/// Rows of sweeps whose default is always the configuration 0, with 100 microseconds.
class PlannedSweepsTest : public db::StoreTest {
 protected:
  /// A batch with what its configurations take.
  struct Rows {
    std::int64_t batch = 0;
    std::map<int, double> us;
  };
  /// Of the example's problem, or of one that differs in its hidden size.
  std::int64_t sweep_of(std::vector<std::int64_t> asked, const std::vector<Rows>& measured,
                        std::optional<int> hidden_size = std::nullopt) {
    auto spec = db::example_spec();
    spec.batches = std::move(asked);
    spec.choice = rule_;
    const auto id = new_sweep(spec);
    for (const auto& rows : measured) {
      write([&](db::Transaction& transaction) {
        return db::set_sweep_default(transaction, id, rows.batch, db::example_config(0), "vllm 0.33");
      });
      auto all = rows.us;
      all.emplace(0, 100);
      for (const auto& [config, us] : all) {
        auto trial = db::ok_trial(rows.batch, config, us);
        if (hidden_size) trial.group.problem.hidden_size = *hidden_size;
        record(id, trial);
      }
    }
    return id;
  }
  schema::ChoiceRule rule_;  ///< of the sweeps that follow

  FilePlan plan(schema::EngineFormat format = schema::EngineFormat::vllm) {
    return read([&](db::Snapshot& snapshot) {
      const auto groups = db::matching_groups(snapshot, {});
      return plan_file(snapshot, format, *groups);
    });
  }
};

}  // namespace moetune::daemon
