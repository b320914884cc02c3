#include <spdlog/spdlog.h>

#include <algorithm>

#include "daemon/sweep/sweep_run.hpp"
#include "db/batch_owner_store.hpp"

namespace moetune::daemon {

using schema::Result;
using search::TrialIndex;

/// A batch that an earlier run has begun stays on its GPU. Where that one is gone, another one that had it before goes
/// on, or else whoever is free: it measures itself what is compared (take_up_rounds), and the sweep's view says so.
Result<void> SweepRun::take_up_owners(db::Snapshot& snapshot) {
  owned_.clear();
  const auto owners = db::batch_owners(snapshot, id(), plan_.phase);
  if (!owners) return std::unexpected(owners.error());
  for (const auto& [batch, uuids] : *owners) {
    if (!std::ranges::binary_search(board_.batches(), batch)) continue;
    const auto is_there = [&](const std::string& uuid) {
      return std::ranges::find(plan_.gpus, uuid, &Gpu::uuid) != plan_.gpus.end();
    };
    const auto last = std::find_if(uuids.rbegin(), uuids.rend(), is_there);
    if (last != uuids.rbegin()) {
      spdlog::warn("sweep {}: GPU {}, which measured batch {}, is not there; its other rows come from another one",
                   id(), uuids.back(), batch);
    }
    if (last == uuids.rend()) continue;
    const auto gpu = std::ranges::find(plan_.gpus, *last, &Gpu::uuid);
    board_.belongs_to(batch, static_cast<std::size_t>(gpu - plan_.gpus.begin()));
    owned_.insert(batch);
  }
  return {};
}

std::optional<std::string> SweepRun::gpu_of_batch(std::int64_t batch) const {
  const auto worker = board_.worker_of_batch(batch);
  return worker && *worker < plan_.gpus.size() ? std::optional(plan_.gpus[*worker].uuid) : std::nullopt;
}

std::optional<std::string> SweepRun::gpu_of(TrialIndex trial) const {
  return gpu_of_batch(board_.trials()[trial.value].batch);
}

/// Stored with the first attempt at anything of the batch.
void SweepRun::note_owner(TrialIndex trial) {
  const auto worker = board_.worker_of(trial);
  const std::int64_t batch = board_.trials()[trial.value].batch;
  if (!worker || *worker >= plan_.gpus.size() || !owned_.insert(batch).second) return;
  ledger_.own(batch, plan_.gpus[*worker].uuid);
}

}  // namespace moetune::daemon
