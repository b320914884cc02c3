#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "db/anchor_store.hpp"

namespace moetune::daemon {

/// What the anchors of a sweep say of its GPUs.
struct GpuView {
  nlohmann::ordered_json gpus = nlohmann::ordered_json::array();
  std::vector<std::string> warnings;  ///< what a person should know of them, in words
};

/// From all readings of a sweep; the rows in doubtful intervals are counted in `snapshot`.
schema::Result<GpuView> gpu_view(db::Snapshot& snapshot, std::int64_t sweep,
                                 const std::vector<db::AnchorRow>& readings);

/// "GPU 1 is 4.2 % slower than GPU 0: ..."; `slower_by` as of search::slower_by.
std::string slower_text(std::int64_t gpu, std::int64_t first, double slower_by);

/// "batches 8, 64: begun on GPU-a, taken over by GPU-b; ...", one for all batches with the same GPUs.
std::vector<std::string> taken_over_texts(const std::map<std::int64_t, std::vector<std::string>>& gpus_of_batch);

}  // namespace moetune::daemon
