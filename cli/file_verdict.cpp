#include "cli/file_verdict.hpp"

#include <fmt/format.h>

#include <cmath>
#include <stdexcept>
#include <tuple>
#include <utility>

#include "schema/engine_rules.hpp"

namespace moetune::cli {
namespace {

using nlohmann::ordered_json;
using schema::ErrorCode;
using schema::fail;
using schema::Result;
using schema::TileConfig;

struct Contender {
  TileConfig config;
  std::string status;
  std::optional<double> latency_us;
};

/// One batch of the daemon's answer.
struct BatchAnswer {
  std::int64_t batch = 0;
  std::optional<TileConfig> fallback;
  std::vector<Contender> contenders;
  std::map<std::pair<std::size_t, std::size_t>, Against> pairs;

  std::optional<std::size_t> place_of(const TileConfig& config) const {
    for (std::size_t i = 0; i < contenders.size(); ++i) {
      if (contenders[i].config == config) return i;
    }
    return std::nullopt;
  }
};

TileConfig config_in(const ordered_json& value) {
  const auto config = schema::tile_config_from_json(nlohmann::json(value));
  if (!config) throw std::invalid_argument(config.error().message);
  return *config;
}

std::string opposite_of(const std::string& standing) {
  if (standing == "faster") return "slower";
  return standing == "slower" ? "faster" : standing;
}

/// Throws json::exception and std::invalid_argument for what is no such answer.
BatchAnswer read_batch(const ordered_json& value) {
  BatchAnswer answer{.batch = value.at("batch").get<std::int64_t>(), .fallback = {}, .contenders = {}, .pairs = {}};
  if (!value.at("default").is_null()) answer.fallback = config_in(value["default"].at("config"));
  for (const auto& item : value.at("contenders")) {
    Contender contender{.config = config_in(item.at("config")), .status = item.at("status"), .latency_us = {}};
    if (!item.at("latency_us").is_null()) contender.latency_us = item["latency_us"].get<double>();
    answer.contenders.push_back(std::move(contender));
  }
  for (const auto& item : value.at("pairs")) {
    const Against pair{item.at("standing"), item.at("speedup"), item.at("low"), item.at("high")};
    const auto first = item.at("first").get<std::size_t>();
    const auto second = item.at("second").get<std::size_t>();
    answer.pairs[{first, second}] = pair;
    answer.pairs[{second, first}] = {opposite_of(pair.standing), 1 / pair.speedup, 1 / pair.high, 1 / pair.low};
  }
  return answer;
}

std::optional<Against> against(const BatchAnswer& answer, const TileConfig& own,
                               const std::optional<TileConfig>& other) {
  if (!other) return std::nullopt;
  const auto own_place = answer.place_of(own);
  const auto other_place = answer.place_of(*other);
  if (!own_place || !other_place || !answer.contenders[*own_place].latency_us) return std::nullopt;
  if (own_place == other_place) return Against{.standing = "identical"};
  const auto pair = answer.pairs.find({*own_place, *other_place});
  return pair == answer.pairs.end() ? std::nullopt : std::optional(pair->second);
}

/// Status and time of a configuration that may have no row.
std::pair<std::string, std::optional<double>> outcome_of(const BatchAnswer& answer, const TileConfig& config) {
  const auto place = answer.place_of(config);
  if (!place) return {"not_measured", std::nullopt};
  return {answer.contenders[*place].status, answer.contenders[*place].latency_us};
}

void add(Tally& tally, std::int64_t batch, const std::optional<Against>& against, double& log_sum) {
  if (!against) return;
  tally.batches[against->standing].push_back(batch);
  log_sum += std::log(against->speedup);
  if (!tally.worst_batch || against->speedup < tally.worst_speedup) {
    tally.worst_batch = batch;
    tally.worst_speedup = against->speedup;
  }
}

Tally tally_of(const std::vector<BatchVerdict>& batches, std::optional<Against> BatchVerdict::* versus) {
  Tally tally;
  double log_sum = 0;
  for (const BatchVerdict& batch : batches) add(tally, batch.batch, batch.*versus, log_sum);
  std::size_t counted = 0;
  for (const auto& [standing, list] : tally.batches) counted += list.size();
  if (counted > 0) tally.geomean = std::exp(log_sum / static_cast<double>(counted));
  return tally;
}

BatchVerdict verdict_of(const BatchAnswer& answer, const ComparedFile::Row& row, const TileConfig& effective,
                        const std::optional<TileConfig>& first, const std::map<std::int64_t, TileConfig>& known) {
  BatchVerdict verdict;
  verdict.batch = answer.batch;
  verdict.key = row.key;
  verdict.config = effective;
  std::tie(verdict.status, verdict.latency_us) = outcome_of(answer, effective);
  verdict.default_status = "unknown";
  if (answer.fallback) std::tie(verdict.default_status, verdict.default_us) = outcome_of(answer, *answer.fallback);
  if (const auto found = known.find(answer.batch); found != known.end()) {
    verdict.best = found->second;
    verdict.best_us = outcome_of(answer, found->second).second;
  }
  verdict.versus_default = against(answer, effective, answer.fallback);
  verdict.versus_best = against(answer, effective, verdict.best);
  verdict.versus_first = against(answer, effective, first);
  return verdict;
}

void finish(FileVerdict& verdict) {
  verdict.versus_default = tally_of(verdict.batches, &BatchVerdict::versus_default);
  verdict.versus_best = tally_of(verdict.batches, &BatchVerdict::versus_best);
  verdict.versus_first = tally_of(verdict.batches, &BatchVerdict::versus_first);
  for (const BatchVerdict& batch : verdict.batches) {
    if (batch.is_refused()) verdict.refused.push_back(batch.batch);
    if (!batch.is_measured()) verdict.not_measured.push_back(batch.batch);
  }
}

ordered_json as_json(const std::optional<Against>& against) {
  if (!against) return nullptr;
  return {
      {"standing", against->standing}, {"speedup", against->speedup}, {"low", against->low}, {"high", against->high}};
}

ordered_json as_json(const std::optional<double>& number) {
  return number ? ordered_json(*number) : ordered_json();
}

ordered_json as_json(const BatchVerdict& verdict) {
  return {{"batch", verdict.batch},
          {"key", verdict.key},
          {"config", schema::to_json(verdict.config)},
          {"status", verdict.status},
          {"latency_us", as_json(verdict.latency_us)},
          {"default_status", verdict.default_status},
          {"default_us", as_json(verdict.default_us)},
          {"best_config", verdict.best ? schema::to_json(*verdict.best) : ordered_json()},
          {"best_us", as_json(verdict.best_us)},
          {"versus_default", as_json(verdict.versus_default)},
          {"versus_best", as_json(verdict.versus_best)},
          {"versus_first", as_json(verdict.versus_first)}};
}

ordered_json as_json(const Tally& tally) {
  ordered_json view;
  for (const char* standing : {"faster", "same", "identical", "unclear", "slower"}) {
    view[standing] = tally.count(standing);
  }
  const auto slower = tally.batches.find("slower");
  view["slower_at"] = slower == tally.batches.end() ? ordered_json::array() : ordered_json(slower->second);
  view["geomean"] = as_json(tally.geomean);
  view["worst_batch"] = tally.worst_batch ? ordered_json(*tally.worst_batch) : ordered_json();
  view["worst_speedup"] = tally.worst_batch ? ordered_json(tally.worst_speedup) : ordered_json();
  return view;
}

}  // namespace

std::size_t Tally::count(const std::string& standing) const {
  const auto found = batches.find(standing);
  return found == batches.end() ? 0 : found->second.size();
}

bool FileVerdict::is_good() const {
  return refused.empty() && versus_default.count("slower") == 0 && not_measured.size() < batches.size();
}

Result<std::vector<FileVerdict>> verdicts_of(const std::vector<ComparedFile>& files, const schema::Problem& problem,
                                             const ordered_json& comparison,
                                             const std::map<std::int64_t, TileConfig>& known) {
  std::vector<FileVerdict> verdicts(files.size());
  for (std::size_t i = 0; i < files.size(); ++i) verdicts[i].path = files[i].path;
  try {
    for (const auto& value : comparison.at("batches")) {
      const BatchAnswer answer = read_batch(value);
      std::optional<TileConfig> first;
      for (std::size_t i = 0; i < files.size(); ++i) {
        const auto row = files[i].row_for(answer.batch);
        if (!row) return std::unexpected(row.error());
        const TileConfig effective = schema::effective_config(problem, row->config);
        verdicts[i].batches.push_back(verdict_of(answer, *row, effective, first, known));
        if (i == 0) first = effective;
      }
    }
  } catch (const std::exception& error) {
    return fail(ErrorCode::data_damaged, fmt::format("the daemon's comparison makes no sense: {}", error.what()));
  }
  for (FileVerdict& verdict : verdicts) finish(verdict);
  return verdicts;
}

ordered_json to_json(const FileVerdict& verdict) {
  ordered_json batches = ordered_json::array();
  for (const BatchVerdict& batch : verdict.batches) batches.push_back(as_json(batch));
  return {{"path", verdict.path},
          {"good", verdict.is_good()},
          {"versus_default", as_json(verdict.versus_default)},
          {"versus_best", as_json(verdict.versus_best)},
          {"versus_first", as_json(verdict.versus_first)},
          {"refused_at", verdict.refused},
          {"not_measured_at", verdict.not_measured},
          {"batches", std::move(batches)}};
}

}  // namespace moetune::cli
