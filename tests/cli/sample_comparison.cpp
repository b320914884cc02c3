#include "tests/cli/sample_comparison.hpp"

namespace moetune::cli {

using nlohmann::ordered_json;
using schema::TileConfig;

schema::Problem sample_problem() {
  schema::Problem problem;
  problem.num_experts = 8;
  problem.intermediate_size = 512;
  problem.hidden_size = 1024;
  problem.topk = 2;
  return problem;
}

ComparedFile sample_file(const std::string& path, std::vector<std::pair<std::int64_t, TileConfig>> rows) {
  ComparedFile file;
  file.path = path;
  file.table.rows = std::move(rows);
  return file;
}

ordered_json contender(const TileConfig& config, double us) {
  return {{"config", schema::to_json(config)},
          {"status", "ok"},
          {"latency_us", us},
          {"rounds_us", std::vector<double>(10, us)},
          {"log_tail", nullptr}};
}

ordered_json refused(const TileConfig& config, const std::string& status) {
  return {{"config", schema::to_json(config)},
          {"status", status},
          {"latency_us", nullptr},
          {"rounds_us", ordered_json::array()},
          {"log_tail", "why"}};
}

ordered_json pair(int first, int second, const std::string& standing, double speedup) {
  return {{"first", first},     {"second", second},      {"standing", standing},
          {"speedup", speedup}, {"low", speedup * 0.99}, {"high", speedup * 1.01}};
}

ordered_json compared_batch(std::int64_t batch, const std::vector<ordered_json>& contenders,
                            const std::vector<ordered_json>& pairs) {
  return {{"batch", batch},
          {"default", {{"config", schema::to_json(k_standard)}, {"source", "vllm 0.11"}}},
          {"contenders", contenders},
          {"pairs", pairs}};
}

ordered_json sample_comparison(const std::vector<ordered_json>& batches) {
  return {{"sweep", 3},
          {"state", "done"},
          {"group", {{"device", "NVIDIA_H200"}, {"kernel", "vllm"}}},
          {"rounds", {{"least", 10}, {"most", 20}, {"level", 0.99}, {"min_gain", 0.01}}},
          {"batches", batches}};
}

}  // namespace moetune::cli
