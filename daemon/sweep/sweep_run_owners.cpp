#include <spdlog/spdlog.h>

#include <algorithm>

#include "daemon/sweep/sweep_run.hpp"
#include "db/batch_owner_store.hpp"

namespace moetune::daemon {

using schema::Result;
using search::TrialIndex;

/// A batch that an earlier run has begun stays on its GPU. Where that one is gone it begins anew on another: its rows
/// then come from two, which is better than a sweep that cannot go on.
Result<void> SweepRun::take_up_owners(db::Snapshot& snapshot) {
  owned_.clear();
  const auto owners = db::batch_owners(snapshot, id(), plan_.phase);
  if (!owners) return std::unexpected(owners.error());
  for (const auto& [batch, uuids] : *owners) {
    const auto gpu = std::ranges::find(plan_.gpus, uuids.back(), &Gpu::uuid);
    if (gpu == plan_.gpus.end()) {
      spdlog::warn("sweep {}: GPU {}, which measured batch {}, is not there; its other rows come from another one",
                   id(), uuids.back(), batch);
      continue;
    }
    if (!std::ranges::binary_search(board_.batches(), batch)) continue;
    board_.belongs_to(batch, static_cast<std::size_t>(gpu - plan_.gpus.begin()));
    owned_.insert(batch);
  }
  return {};
}

/// Stored with the first attempt at anything of the batch.
void SweepRun::note_owner(TrialIndex trial) {
  const auto worker = board_.worker_of(trial);
  const std::int64_t batch = board_.trials()[trial.value].batch;
  if (!worker || *worker >= plan_.gpus.size() || !owned_.insert(batch).second) return;
  ledger_.own(batch, plan_.gpus[*worker].uuid);
}

}  // namespace moetune::daemon
