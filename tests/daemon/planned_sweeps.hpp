#pragma once

#include <map>
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
  std::int64_t sweep_of(std::vector<std::int64_t> asked, const std::vector<Rows>& measured) {
    auto spec = db::example_spec();
    spec.batches = std::move(asked);
    const auto id = new_sweep(spec);
    for (const auto& rows : measured) {
      write([&](db::Transaction& transaction) {
        return db::set_sweep_default(transaction, id, rows.batch, db::example_config(0), "vllm 0.33");
      });
      record(id, db::ok_trial(rows.batch, 0, 100));
      for (const auto& [config, us] : rows.us) record(id, db::ok_trial(rows.batch, config, us));
    }
    return id;
  }
  FilePlan plan(schema::EngineFormat format = schema::EngineFormat::vllm) {
    return read([&](db::Snapshot& snapshot) {
      const auto groups = db::matching_groups(snapshot, {});
      return plan_file(snapshot, format, *groups);
    });
  }
};

}  // namespace moetune::daemon
