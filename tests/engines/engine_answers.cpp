// What moetune says about the engines' files and heuristics, for tests that ask the engines' own functions the same.
// Reads one JSON object a line from stdin and writes one a line to stdout:
//   {"ask": "name", "engine", "device" (the driver's name), "gemm", E, N, "dtype", "block_shape", "per_channel_quant"}
//   {"ask": "file", "engine", "gemm", "triton_version", "configs": [[batch, tile], ...]}
//   {"ask": "nearest", "keys": [...], "high"}: the key for each M from 1 to `high`
//   {"ask": "defaults", problem, "batches": [...]}
//   {"ask": "lint", "path", "text"}: [code, batch] of each finding
//   {"ask": "model", "text" (a config.json)}: "hidden_size", and E, topk and intermediate size of each of "layers"
#include <iostream>
#include <string>

#include "schema/device_name.hpp"
#include "schema/engine_file.hpp"
#include "schema/engine_rules.hpp"
#include "schema/lint/engine_lint.hpp"
#include "schema/model_config.hpp"

namespace moetune::schema {
namespace {

using nlohmann::ordered_json;

/// Any shape of a block, and combinations that no problem has: names are made of parts.
Problem problem_of(const ordered_json& ask) {
  Problem problem;
  problem.num_experts = ask.at("E");
  problem.intermediate_size = ask.at("N");
  problem.hidden_size = ask.value("hidden_size", std::int64_t{0});
  problem.topk = ask.value("topk", std::int64_t{0});
  if (!ask.at("dtype").is_null()) problem.dtype = dtype_from_name(ask["dtype"].get<std::string>()).value();
  const auto& block = ask.at("block_shape");
  if (!block.is_null()) problem.block_shape = BlockShape{block.at(0), block.at(1)};
  problem.per_channel_quant = ask.value("per_channel_quant", false);
  return problem;
}

ordered_json name(const ordered_json& ask) {
  const auto engine = engine_format_from_name(ask.at("engine").get<std::string>()).value();
  const auto gemm = gemm_from_name(ask.at("gemm").get<std::string>()).value();
  const auto file =
      engine_file_name(engine, device_from_driver(ask.at("device").get<std::string>()), problem_of(ask), gemm);
  return file ? ordered_json{{"name", *file}} : ordered_json{{"error", file.error().message}};
}

ordered_json file(const ordered_json& ask) {
  std::vector<std::pair<std::int64_t, TileConfig>> configs;
  for (const auto& row : ask.at("configs")) {
    configs.emplace_back(row.at(0).get<std::int64_t>(), tile_config_from_json(row.at(1)).value());
  }
  std::optional<std::string> version;
  if (!ask.at("triton_version").is_null()) version = ask["triton_version"].get<std::string>();
  return {{"text", engine_file_bytes(engine_format_from_name(ask.at("engine").get<std::string>()).value(), configs,
                                     version, gemm_from_name(ask.at("gemm").get<std::string>()).value())}};
}

ordered_json nearest(const ordered_json& ask) {
  const auto keys = ask.at("keys").get<std::vector<std::int64_t>>();
  std::vector<std::int64_t> found;
  for (std::int64_t m = 1; m <= ask.at("high").get<std::int64_t>(); ++m) found.push_back(nearest_key(keys, m));
  return {{"nearest", found}};
}

ordered_json defaults(const ordered_json& ask) {
  const Problem problem = problem_of(ask);
  ordered_json configs = ordered_json::array();
  for (const auto& batch : ask.at("batches"))
    configs.push_back(to_json(default_config(problem, batch.get<std::int64_t>())));
  return {{"configs", configs}, {"source", default_config_source()}};
}

ordered_json lint(const ordered_json& ask) {
  ordered_json findings = ordered_json::array();
  lint::Input input;
  input.path = ask.at("path");
  input.text = ask.at("text");
  for (const auto& finding : lint::lint_file(input).findings) {
    findings.push_back({lint::facts_of(finding.code).name, finding.batch.value_or(0)});
  }
  return {{"findings", findings}};
}

ordered_json model(const ordered_json& ask) {
  const auto config = parse_model_config(ask.at("text").get<std::string>(), "it");
  const auto found = config ? moe_model_from_json(*config) : std::unexpected(config.error());
  if (!found) return {{"error", found.error().message}};
  ordered_json layers = ordered_json::array();
  for (const auto& layer : found->layers) layers.push_back({layer.num_experts, layer.topk, layer.intermediate_size});
  return {{"architecture", found->architecture}, {"hidden_size", found->hidden_size}, {"layers", std::move(layers)}};
}

ordered_json answer(const ordered_json& ask) {
  const std::string what = ask.at("ask");
  if (what == "name") return name(ask);
  if (what == "file") return file(ask);
  if (what == "nearest") return nearest(ask);
  if (what == "defaults") return defaults(ask);
  if (what == "lint") return lint(ask);
  if (what == "model") return model(ask);
  return {{"error", "there is no answer to " + what}};
}

}  // namespace
}  // namespace moetune::schema

int main() {
  for (std::string line; std::getline(std::cin, line);) {
    std::cout << moetune::schema::answer(nlohmann::ordered_json::parse(line)).dump() << '\n' << std::flush;
  }
}
