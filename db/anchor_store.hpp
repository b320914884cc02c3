#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "db/database.hpp"
#include "schema/sweep_spec.hpp"
#include "schema/tile_config.hpp"
#include "schema/timestamp.hpp"

namespace moetune::db {

/// What a configuration took that is measured again and again while a sweep runs, and what that says of the GPU.
struct AnchorRow {
  schema::SweepPhase phase = schema::SweepPhase::measure;
  std::string boot_id;  ///< the run of the daemon, each of which finds out anew what is usual
  std::int64_t gpu = 0;
  std::string gpu_uuid;
  bool opening = false;  ///< from the begin of a phase
  std::int64_t batch = 0;
  schema::TileConfig config;
  schema::Timestamp taken_at;
  std::vector<double> samples_us;
  std::optional<std::int64_t> sm_clock_mhz;
  std::string throttle;  ///< empty: none
  std::string state;     ///< "good", "drifted", "disturbed", "throttled"
  double change = 0;     ///< of the median against that of the begin
  bool operator==(const AnchorRow&) const = default;
};

Result<void> add_anchor_reading(Transaction& transaction, std::int64_t sweep, const AnchorRow& row);
/// Of one GPU after the other, in the order in which they were taken.
Result<std::vector<AnchorRow>> anchor_readings(Snapshot& snapshot, std::int64_t sweep);
/// Ok rows of a sweep that this GPU measured from one moment to another, or to the end.
Result<std::int64_t> count_rows_between(Snapshot& snapshot, std::int64_t sweep, const std::string& gpu_uuid,
                                        schema::Timestamp from, std::optional<schema::Timestamp> to);

}  // namespace moetune::db
