#include "daemon/sweep/triton_plan.hpp"

#include <fmt/format.h>

#include <set>

namespace moetune::daemon {
namespace {

using nlohmann::json;
using schema::ErrorCode;
using schema::fail;
using schema::Result;

/// The family's fields with the artifact's own: as options_of() in kernels/triton/plan.py.
json options_of(json family, const json& artifact) {
  family.erase("parameters");
  family["constants"].update(artifact.at("constants"));
  family["num_warps"] = artifact.at("num_warps");
  family["num_stages"] = artifact.at("num_stages");
  return family;
}

TritonClass class_of(const json& value) {
  return {.batches = value.at("batches").get<std::vector<std::int64_t>>(),
          .up = value.at("up").get<std::vector<std::int64_t>>(),
          .down = value.at("down").get<std::vector<std::int64_t>>()};
}

/// Throws json::exception for what is not there or of another type.
TritonPlan read_plan(const json& answer, const TritonPlanRequest& request) {
  TritonPlan plan;
  plan.kernel_digest = answer.at("kernel_digest").get<std::string>();
  const json& families = answer.at("families");
  for (const json& artifact : answer.at("artifacts")) {
    plan.artifacts.push_back(options_of(families.at(artifact.at("family").get<std::size_t>()), artifact));
  }
  for (const json& item : answer.at("classes")) plan.classes.push_back(class_of(item));
  for (const json& item : answer.at("refused")) {
    plan.refused[item.at("config").get<std::size_t>()] = item.at("reason").get<std::string>();
  }
  const json& defaults = answer.at("defaults");
  if (!defaults.contains("configs")) return plan;
  plan.default_source = defaults.at("source").get<std::string>();
  for (std::size_t i = 0; i < request.batches.size(); ++i) {
    auto config = schema::tile_config_from_json(defaults.at("configs").at(i));
    if (config) plan.default_of_batch[request.batches[i]] = *config;
  }
  return plan;
}

/// Every batch once, and every configuration with an artifact or a refusal.
bool is_whole(const TritonPlan& plan, const TritonPlanRequest& request) {
  std::set<std::int64_t> batches;
  for (const TritonClass& shared : plan.classes) {
    for (const auto batch : shared.batches) {
      if (!batches.insert(batch).second) return false;
    }
    for (const auto* artifacts : {&shared.up, &shared.down}) {
      if (artifacts->size() != request.configs.size()) return false;
      for (std::size_t i = 0; i < artifacts->size(); ++i) {
        const std::int64_t artifact = (*artifacts)[i];
        if (artifact >= std::ssize(plan.artifacts) || (artifact < 0 && !plan.refused.contains(i))) return false;
      }
    }
  }
  return batches == std::set<std::int64_t>(request.batches.begin(), request.batches.end());
}

std::unexpected<schema::Error> senseless(std::string_view why) {
  return fail(ErrorCode::unavailable, fmt::format("the plan of the Triton kernels makes no sense: {}", why));
}

}  // namespace

json to_json(const TritonPlanRequest& request) {
  nlohmann::ordered_json problem;
  schema::write_problem(request.problem, problem);
  json configs = json::array();
  for (const auto& config : request.configs) configs.push_back(json(schema::to_json(config)));
  return {{"id", 1},
          {"type", "plan"},
          {"kernel", request.kernel},
          {"problem", json(problem)},
          {"arch", request.arch},
          {"device", request.device},
          {"batches", request.batches},
          {"configs", configs},
          {"group", request.group_at_run_time ? "runtime" : "constant"}};
}

Result<TritonPlan> triton_plan_from_json(const json& answer, const TritonPlanRequest& request) {
  try {
    if (answer.contains("error")) {
      return fail(ErrorCode::invalid_argument,
                  fmt::format("kernel {}: {}", request.kernel, answer["error"].get<std::string>()));
    }
    TritonPlan plan = read_plan(answer, request);
    const auto alignment = kernels::alignment_rule_from_json(answer.at("alignment"));
    if (!alignment) return senseless(alignment.error().message);
    plan.alignment = *alignment;
    if (is_whole(plan, request)) return plan;
    return fail(ErrorCode::unavailable, "the plan of the Triton kernels lacks batches or configurations");
  } catch (const json::exception& error) {
    return senseless(error.what());
  }
}

}  // namespace moetune::daemon
