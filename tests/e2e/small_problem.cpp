#include "tests/e2e/small_problem.hpp"

#include <set>

#include "daemon/search/plan.hpp"
#include "daemon/search/space.hpp"

namespace moetune::e2e {
namespace {

std::vector<daemon::search::Candidate> candidates() {
  const auto configs =
      daemon::search::configurations(daemon::search::space_from_json(small_space()).value(), small_problem()).value();
  return daemon::search::exhaustive_plan(small_problem(), small_batches(), configs);
}

double latency_of(const daemon::search::Candidate& candidate) {
  const auto& config = candidate.config;
  const double tile = config.block_size_m * config.block_size_n;
  return 20 + static_cast<double>(candidate.batch) / 8 + tile / 1000 + config.num_stages +
         (config.group_size_m == 32 ? 0 : 0.5);
}

}  // namespace

schema::Problem small_problem() {
  return {8,    256,  256, 2, schema::Dtype::fp8_w8a8, schema::ActDtype::bfloat16, schema::BlockShape{128, 128},
          true, false};
}

nlohmann::json small_space() {
  return {{"BLOCK_SIZE_M", {16, 32, 64}}, {"BLOCK_SIZE_N", {64, 128}}, {"BLOCK_SIZE_K", {128}},
          {"GROUP_SIZE_M", {1, 32}},      {"num_warps", {4}},          {"num_stages", {2, 3}}};
}

std::vector<std::int64_t> small_batches() {
  return {1, 64};
}

std::string small_recording(const std::function<void(schema::Trial&)>& change) {
  std::string lines;
  for (const auto& candidate : candidates()) {
    schema::Trial row;
    row.group = {"NVIDIA_H200", small_problem(),  "cuda",    std::string(64, 'd'),
                 "nvrtc 13.0",  schema::L2::cold, "uniform", schema::Origin::measured};
    row.arch = "sm_90";
    row.batch = candidate.batch;
    row.config = candidate.config;
    const double latency = latency_of(candidate);
    row.latency_us = latency;
    row.samples_us = {latency - 0.01, latency, latency + 0.01};
    row.measured_at = {1'795'169'700'000};
    if (change) change(row);
    lines += schema::to_json(row).dump() + "\n";
  }
  return lines;
}

std::size_t small_trials() {
  return candidates().size();
}

std::size_t small_tiles() {
  std::set<schema::TileConfig> tiles;
  for (const auto& candidate : candidates()) tiles.insert(daemon::search::without_group(candidate.config));
  return tiles.size();
}

nlohmann::json small_sweep(const std::string& recording, bool compile) {
  nlohmann::ordered_json object;
  schema::write_problem(small_problem(), object);
  nlohmann::json spec = object;
  spec["batch"] = small_batches();
  spec["space"] = small_space();
  spec["recording"] = recording;
  spec["compile"] = compile;
  return spec;
}

}  // namespace moetune::e2e
