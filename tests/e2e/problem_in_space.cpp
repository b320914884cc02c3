#include "tests/e2e/problem_in_space.hpp"

#include <set>

#include "daemon/search/plan.hpp"
#include "daemon/search/space.hpp"

namespace moetune::e2e {
namespace {

std::vector<daemon::search::Candidate> candidates(const ProblemInSpace& all) {
  const auto space = daemon::search::space_from_json(all.space).value();
  const auto configs = daemon::search::configurations(space, all.problem).value();
  return daemon::search::exhaustive_plan(daemon::search::known_defaults(all.problem, all.batches), configs);
}

double latency_of(const daemon::search::Candidate& candidate) {
  const auto& config = candidate.config;
  const double tile = config.block_size_m * config.block_size_n;
  return 20 + static_cast<double>(candidate.batch) / 8 + tile / 1000 + config.num_stages +
         (config.group_size_m == 32 ? 0 : 0.5);
}

}  // namespace

std::string ProblemInSpace::recording(const std::function<void(schema::Trial&)>& change) const {
  std::string lines;
  for (const auto& candidate : candidates(*this)) {
    schema::Trial row;
    row.group = {"NVIDIA_H200", problem,          "cuda",    std::string(64, 'd'),
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

std::size_t ProblemInSpace::trials() const {
  return candidates(*this).size();
}

std::size_t ProblemInSpace::tiles() const {
  std::set<schema::TileConfig> tiles;
  for (const auto& candidate : candidates(*this)) tiles.insert(daemon::search::without_group(candidate.config));
  return tiles.size();
}

nlohmann::json ProblemInSpace::sweep(const std::string& upload, bool compile) const {
  nlohmann::ordered_json object;
  schema::write_problem(problem, object);
  nlohmann::json spec = object;
  spec["batch"] = batches;
  spec["space"] = space;
  spec["recording"] = upload;
  spec["compile"] = compile;
  spec["strategy"] = "exhaustive";
  spec["between"] = false;
  return spec;
}

ProblemInSpace small_problem() {
  return {.problem = {8, 256, 256, 2, schema::Dtype::fp8_w8a8, schema::ActDtype::bfloat16, schema::BlockShape{128, 128},
                      true, false},
          .space = {{"BLOCK_SIZE_M", {16, 32, 64}},
                    {"BLOCK_SIZE_N", {64, 128}},
                    {"BLOCK_SIZE_K", {128}},
                    {"GROUP_SIZE_M", {1, 32}},
                    {"num_warps", {4}},
                    {"num_stages", {2, 3}}},
          .batches = {1, 64}};
}

ProblemInSpace six_tiles() {
  ProblemInSpace problem = small_problem();
  problem.space["GROUP_SIZE_M"] = {1, 8, 16, 32};
  problem.space["num_stages"] = {2};
  return problem;
}

}  // namespace moetune::e2e
