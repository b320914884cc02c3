#include "daemon/search/merge.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <tuple>

namespace moetune::daemon::search {
namespace {

const Measured* row_of(const ModelRows& model, const schema::TileConfig& config) {
  const auto found = std::ranges::find(model.rows, config, &Measured::config);
  return found == model.rows.end() ? nullptr : &*found;
}

const Measured* default_row(const ModelRows& model) {
  return model.fallback && model.fallback->measured ? &*model.fallback->measured : nullptr;
}

bool is_default(const ModelRows& model, const schema::TileConfig& config) {
  return model.fallback && !model.fallback->failed && model.fallback->config == config;
}

/// There is a default that a file must not be slower than, and nobody knows how fast it is.
bool lacks_default_row(const ModelRows& model) {
  return model.fallback && !model.fallback->failed && !model.fallback->measured;
}

ModelStanding standing_of(const ModelRows& model, const schema::TileConfig& config) {
  ModelStanding standing;
  if (const Measured* row = row_of(model, config)) standing.latency_us = row->latency_us;
  if (!model.rows.empty()) standing.best_us = std::ranges::min(model.rows, {}, &Measured::latency_us).latency_us;
  if (const Measured* standard = default_row(model)) standing.default_us = standard->latency_us;
  return standing;
}

/// Slower than no default as far as defaults run.
bool slows_nothing_down(const std::vector<ModelStanding>& standings) {
  return std::ranges::all_of(standings, [](const ModelStanding& standing) {
    return !standing.default_us || *standing.latency_us <= *standing.default_us;
  });
}

/// Faster than some problem's default by the rule, or able to run where a default is not.
bool gains(const std::vector<ModelRows>& models, const schema::TileConfig& config) {
  return std::ranges::any_of(models, [&](const ModelRows& model) {
    const Measured* standard = default_row(model);
    if (standard == nullptr) return true;
    return compare(*row_of(model, config), *standard, model.rule).standing == Standing::faster;
  });
}

/// What orders candidates: the least is taken.
std::tuple<double, double, schema::TileConfig> rank_of(const std::vector<ModelStanding>& standings,
                                                       const schema::TileConfig& config) {
  double worst = 1;
  double sum_of_logarithms = 0;
  for (const ModelStanding& standing : standings) {
    worst = std::max(worst, *standing.regret());
    sum_of_logarithms += std::log(*standing.regret());
  }
  return {worst, sum_of_logarithms, config};
}

/// Measured for every problem, and not the default of all.
bool is_common(const std::vector<ModelRows>& models, const schema::TileConfig& config) {
  if (is_default_of_all(models, config)) return false;
  return std::ranges::all_of(models, [&](const ModelRows& model) { return row_of(model, config) != nullptr; });
}

/// How far the candidates came, for the reason when none is taken.
struct Candidates {
  bool common = false;  ///< one besides the default was measured for all
  bool safe = false;    ///< and is slower than no default
  std::optional<schema::TileConfig> best;
};

Candidates candidates_of(const std::vector<ModelRows>& models) {
  Candidates found;
  std::optional<std::tuple<double, double, schema::TileConfig>> least;
  for (const Measured& row : models.front().rows) {
    if (!is_common(models, row.config)) continue;
    const auto standings = standings_of(models, row.config);
    found.common = true;
    if (!slows_nothing_down(standings)) continue;
    found.safe = true;
    if (!gains(models, row.config)) continue;
    const auto rank = rank_of(standings, row.config);
    if (least && *least <= rank) continue;
    least = rank;
    found.best = row.config;
  }
  return found;
}

std::string why_default(const std::vector<ModelRows>& models, const Candidates& found, std::ptrdiff_t unmeasured) {
  if (unmeasured > 0) {
    return fmt::format("default kept: for {} of {} problems it was not measured in the same sweep as the best row",
                       unmeasured, models.size());
  }
  if (!found.common) return "default kept: no other configuration was measured for all problems";
  if (!found.safe) return "default kept: each other common configuration is slower than it for one of the problems";
  return "default kept: no common configuration is faster than the default by the rule";
}

}  // namespace

std::optional<double> ModelStanding::regret() const {
  return latency_us && best_us ? std::optional(*latency_us / *best_us) : std::nullopt;
}

std::optional<double> MergedChoice::worst_regret() const {
  double worst = 1;
  for (const ModelStanding& standing : standings) {
    const auto regret = standing.regret();
    if (!regret) return std::nullopt;
    worst = std::max(worst, *regret);
  }
  return worst;
}

std::vector<ModelStanding> standings_of(const std::vector<ModelRows>& models, const schema::TileConfig& config) {
  std::vector<ModelStanding> standings;
  for (const ModelRows& model : models) standings.push_back(standing_of(model, config));
  return standings;
}

bool is_default_of_all(const std::vector<ModelRows>& models, const schema::TileConfig& config) {
  return std::ranges::all_of(models, [&](const ModelRows& model) { return is_default(model, config); });
}

bool have_common_row(const std::vector<ModelRows>& models) {
  return std::ranges::any_of(models.front().rows, [&](const Measured& row) { return is_common(models, row.config); });
}

std::optional<MergedChoice> merged_choice(const std::vector<ModelRows>& models) {
  if (models.empty()) return std::nullopt;
  const auto unmeasured = std::ranges::count_if(models, lacks_default_row);
  const Candidates found = unmeasured > 0 ? Candidates() : candidates_of(models);
  if (found.best) {
    MergedChoice choice{*found.best, false, "", standings_of(models, *found.best)};
    choice.reason = fmt::format("least worst regret: at most {:.2f} % slower than a problem's own best",
                                100 * (*choice.worst_regret() - 1));
    return choice;
  }
  if (!models.front().fallback) return std::nullopt;
  const schema::TileConfig& first = models.front().fallback->config;
  if (!is_default_of_all(models, first)) return std::nullopt;
  return MergedChoice{first, true, why_default(models, found, unmeasured), standings_of(models, first)};
}

}  // namespace moetune::daemon::search
