#pragma once

#include <cstdint>
#include <map>
#include <string_view>

#include "db/database.hpp"
#include "db/trial_store.hpp"
#include "schema/group.hpp"
#include "schema/trial.hpp"

namespace moetune::db {

/// Candidates that failed before and would fail again; the newest failed trial of each. A candidate that came further
/// later (--retry-failed) is not among them, nor is one whose only failures are discarded.
struct KnownFailures {
  /// Failed before a launch (out_of_resources, compile_error, compiler_crash, compile_timeout): holds for every batch.
  std::map<schema::TileConfig, schema::Trial> compile;
  /// Failed at run time (launch_error, measure_timeout, wrong_result).
  std::map<TrialKey, schema::Trial> run;
};

/// For a sweep of `group` on `arch`. Compile failures come from rows of the same kernel, kernel_digest, compiler, arch,
/// origin and the problem's dtype, act_dtype, block_shape, per_channel_quant and router_weight_on_input; run failures
/// from the same group too.
Result<KnownFailures> known_failures(Snapshot& snapshot, const schema::Group& group, std::string_view arch);

/// The newest ok row for each (batch, config) of exactly this group that counts: what --reuse takes over.
Result<std::map<TrialKey, schema::Trial>> reusable_trials(Snapshot& snapshot, const schema::Group& group);

}  // namespace moetune::db
