#include "schema/model_shape.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "schema/strict_json.hpp"

namespace moetune::schema {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr std::array k_choosing = {"E", "N", "hidden_size", "topk"};

Result<std::int64_t> divided(std::string_view what, std::int64_t number, std::int64_t ranks) {
  if (number % ranks == 0) return number / ranks;
  return fail(ErrorCode::invalid_argument,
              fmt::format("{} {} cannot be divided by {} ranks: {} is left over", what, number, ranks, number % ranks));
}

Problem problem_of(const MoeModel& model, const ExpertLayer& layer) {
  Problem problem;
  problem.hidden_size = model.hidden_size;
  problem.topk = layer.topk;
  problem.dtype = model.quantisation.dtype;
  problem.act_dtype = model.act_dtype;
  problem.block_shape = model.quantisation.block_shape;
  problem.gated = model.gated;
  problem.per_channel_quant = model.quantisation.per_channel_quant;
  problem.router_weight_on_input = model.router_weight_on_input;
  return problem;
}

/// The sizes of a problem that fields beside a model ask for.
bool is_chosen(const json& sweep, const Problem& problem) {
  ordered_json fields;
  write_problem(problem, fields);
  return std::ranges::all_of(k_choosing, [&](const char* name) {
    const auto asked = sweep.find(name);
    return asked == sweep.end() || *asked == json(fields[name]);
  });
}

std::unexpected<Error> choose_one(const std::vector<Problem>& problems, bool none_fits) {
  std::string text;
  json shapes = json::array();
  for (const Problem& problem : problems) {
    text += fmt::format("; E={}, N={}, hidden_size={}, topk={}", problem.num_experts, problem.intermediate_size,
                        problem.hidden_size, problem.topk);
    ordered_json fields;
    write_problem(problem, fields);
    shapes.push_back(json(fields));
  }
  const std::string why = none_fits ? "no shape with the E, N, hidden_size and topk that stand beside it"
                                    : "several shapes; choose one with E, N or topk beside the model";
  return fail(ErrorCode::invalid_argument, fmt::format("sweep.model has {}: {}", why, text.substr(2)),
              {{"shapes", std::move(shapes)}});
}

}  // namespace

Result<std::vector<ModelShape>> shapes_of(const MoeModel& model, const Parallelism& parallelism) {
  const std::int64_t tp = parallelism.tp;
  std::vector<ModelShape> shapes;
  for (const ExpertLayer& layer : model.layers) {
    Problem problem = problem_of(model, layer);
    const auto experts = divided("the number of experts", layer.num_experts, parallelism.expert_parallel ? tp : 1);
    if (!experts) return std::unexpected(experts.error());
    const auto size = divided("the intermediate size", layer.intermediate_size, parallelism.expert_parallel ? 1 : tp);
    if (!size) return std::unexpected(size.error());
    problem.num_experts = *experts;
    problem.intermediate_size = *size;
    ModelShape shape{model.architecture, parallelism, layer.topk, problem, problem};
    if (model.sglang_fuses_shared_expert) {
      ++shape.sglang.num_experts;
      ++shape.sglang.topk;
    }
    shapes.push_back(std::move(shape));
  }
  return shapes;
}

Problem named_problem(EngineFormat engine, const Problem& problem) {
  Problem named = problem;
  if (engine == EngineFormat::sglang && problem.dtype == Dtype::int4_w4a16) named.intermediate_size /= 2;
  return named;
}

Result<std::vector<std::string>> file_names(EngineFormat engine, std::string_view device, const ModelShape& shape) {
  const Problem named = named_problem(engine, shape.problem(engine));
  std::vector<std::string> names;
  for (const Gemm gemm : {Gemm::up, Gemm::down}) {
    if (engine == EngineFormat::vllm && gemm == Gemm::down) break;
    auto name = engine_file_name(engine, device, named, gemm);
    if (!name) return std::unexpected(name.error());
    names.push_back(std::move(*name));
  }
  return names;
}

Result<ordered_json> to_json(const ModelShape& shape, const std::optional<std::string>& device) {
  ordered_json fields;
  write_problem(shape.vllm, fields);
  ordered_json object = {{"architecture", shape.architecture},
                         {"tp", shape.parallelism.tp},
                         {"ep", shape.parallelism.expert_parallel},
                         {"hidden_size", shape.vllm.hidden_size},
                         {"topk", shape.topk}};
  for (const char* name : {"dtype", "act_dtype", "block_shape", "gated"}) object[name] = fields[name];
  for (const auto engine : {EngineFormat::vllm, EngineFormat::sglang}) {
    const Problem named = named_problem(engine, shape.problem(engine));
    ordered_json& entry = object["engines"][std::string(name_of(engine))];
    entry = {{"E", named.num_experts}, {"N", named.intermediate_size}};
    std::vector<std::string> names;
    if (device) {
      auto found = file_names(engine, *device, shape);
      if (!found) return std::unexpected(found.error());
      names = std::move(*found);
    }
    if (engine == EngineFormat::sglang) {
      entry["files"] = names;
    } else {
      entry["file"] = names.empty() ? ordered_json() : ordered_json(names.front());
    }
  }
  return object;
}

EngineFormat engine_of_kernel(std::string_view kernel) {
  return kernel == name_of(EngineFormat::sglang) ? EngineFormat::sglang : EngineFormat::vllm;
}

Result<json> with_problem_of_model(const json& sweep) {
  Parallelism parallelism;
  ObjectReader reader(sweep, "sweep");
  const json* config = reader.required_raw("model");
  reader.refuse_null({"tp", "ep"});
  parallelism.tp = reader.optional_integer("tp", 1, k_max_ranks).value_or(1);
  parallelism.expert_parallel = reader.boolean_or("ep", false);
  const auto kernel = reader.optional_text("kernel");
  if (config != nullptr && !config->is_object()) reader.reject("model", "must be the object of a config.json");
  if (!reader.ok()) return std::unexpected(reader.finish().error());

  auto model = moe_model_from_json(*config);
  if (!model) return fail(model.error().code, fmt::format("sweep.model: {}", model.error().message));
  const auto shapes = shapes_of(*model, parallelism);
  if (!shapes) return fail(shapes.error().code, fmt::format("sweep.model: {}", shapes.error().message));
  std::vector<Problem> all;
  std::vector<Problem> chosen;
  for (const ModelShape& shape : *shapes) {
    all.push_back(shape.problem(engine_of_kernel(kernel.value_or(""))));
    if (is_chosen(sweep, all.back())) chosen.push_back(all.back());
  }
  if (chosen.size() != 1) return choose_one(chosen.empty() ? all : chosen, chosen.empty());

  ordered_json fields;
  write_problem(chosen.front(), fields);
  json body = sweep;
  for (const char* name : {"model", "tp", "ep"}) body.erase(name);
  // Another quantisation than the model's takes its block shape and scales along.
  const bool is_requantised = body.contains("dtype") && body["dtype"] != json(fields["dtype"]);
  for (const auto& [name, value] : fields.items()) {
    if (is_requantised && (name == "block_shape" || name == "per_channel_quant")) continue;
    if (!body.contains(name)) body[name] = value;
  }
  return body;
}

}  // namespace moetune::schema
