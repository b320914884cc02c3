#include "daemon/search/merge.hpp"

#include <algorithm>
#include <limits>

namespace moetune::daemon::search {
namespace {

const Measured* row_of(const ModelRows& model, const schema::TileConfig& config) {
  const auto found = std::ranges::find(model.rows, config, &Measured::config);
  return found == model.rows.end() ? nullptr : &*found;
}

double fastest_us(const ModelRows& model) {
  double fastest = std::numeric_limits<double>::infinity();
  for (const Measured& row : model.rows) fastest = std::min(fastest, row.latency_us);
  return fastest;
}

/// How a configuration does for all models.
struct Standing {
  double worst_ratio = 0;  ///< to the default's latency, or to the fastest row where no default runs
  bool suits = true;       ///< measured for every model and slower than no default
  bool gains = false;      ///< faster than some model's default beyond the spread
};

Standing standing_of(const schema::TileConfig& config, const std::vector<ModelRows>& models) {
  Standing standing;
  for (const ModelRows& model : models) {
    const Measured* row = row_of(model, config);
    if (row == nullptr || (!model.fallback.measured && !model.fallback.failed)) {
      standing.suits = false;
      break;
    }
    if (model.fallback.failed) {
      standing.gains = true;
      standing.worst_ratio = std::max(standing.worst_ratio, row->latency_us / fastest_us(model));
      continue;
    }
    const Measured& standard = *model.fallback.measured;
    standing.worst_ratio = std::max(standing.worst_ratio, row->latency_us / standard.latency_us);
    standing.suits = standing.suits && row->latency_us <= standard.latency_us;
    const double noise = std::max(spread_us(*row), spread_us(standard));
    standing.gains = standing.gains || standard.latency_us - row->latency_us > noise;
  }
  return standing;
}

}  // namespace

std::optional<schema::TileConfig> merged_choice(const std::vector<ModelRows>& models) {
  if (models.empty()) return std::nullopt;
  const Measured* best = nullptr;
  double least = std::numeric_limits<double>::infinity();
  for (const Measured& row : models.front().rows) {
    const Standing standing = standing_of(row.config, models);
    if (!standing.suits || !standing.gains || standing.worst_ratio >= least) continue;
    best = &row;
    least = standing.worst_ratio;
  }
  if (best != nullptr) return best->config;
  const auto& first = models.front().fallback;
  const bool shared = std::ranges::all_of(
      models, [&](const ModelRows& model) { return !model.fallback.failed && model.fallback.config == first.config; });
  return shared ? std::optional(first.config) : std::nullopt;
}

}  // namespace moetune::daemon::search
