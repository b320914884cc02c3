#include "schema/model_config.hpp"

#include <algorithm>

#include "schema/model_shape.hpp"
#include "schema/sweep_spec.hpp"
#include "tests/fuzz/demand.hpp"
#include "tests/fuzz/target.hpp"

namespace moetune::fuzz {
namespace {

using schema::EngineFormat;
using schema::ErrorCode;
using schema::ModelShape;
using schema::MoeModel;

/// Bad input, or a model that no file exists for; never a defect.
void demand_refusal(const schema::Error& error) {
  demand_reason(error);
  demand(error.code == ErrorCode::invalid_argument || error.code == ErrorCode::conflict,
         "a config is refused as bad input or as nothing to tune");
}

void demand_sound(const MoeModel& model, const ModelShape& shape) {
  const auto& parallelism = shape.parallelism;
  const std::int64_t spread = parallelism.expert_parallel ? parallelism.tp : 1;
  const std::int64_t cut = parallelism.expert_parallel ? 1 : parallelism.tp;
  demand(std::ranges::any_of(model.layers,
                             [&](const auto& layer) {
                               return layer.num_experts == shape.vllm.num_experts * spread &&
                                      layer.intermediate_size == shape.vllm.intermediate_size * cut &&
                                      layer.topk == shape.topk;
                             }),
         "the ranks' parts make up a layer of the model");
  demand(shape.sglang.num_experts - shape.vllm.num_experts == (model.sglang_fuses_shared_expert ? 1 : 0),
         "SGLang has one expert more where it fuses the shared one");
  for (const auto engine : {EngineFormat::vllm, EngineFormat::sglang}) {
    const auto names = schema::file_names(engine, "NVIDIA_H200", shape);
    demand(names && names->size() == (engine == EngineFormat::vllm ? 1U : 2U), "every shape has its files' names");
  }
  const auto object = schema::to_json(shape, "NVIDIA_H200");
  demand(object.has_value() && !object->dump().empty(), "a shape can be written as JSON");
}

void try_ranks(const MoeModel& model, const nlohmann::json& config, const schema::Parallelism& parallelism) {
  const auto shapes = schema::shapes_of(model, parallelism);
  if (!shapes) {
    demand_refusal(shapes.error());
    return;
  }
  demand(shapes->size() == model.layers.size(), "every kind of layer has a shape");
  for (const ModelShape& shape : *shapes) demand_sound(model, shape);
  const auto sweep =
      schema::sweep_spec_from_json({{"model", config}, {"tp", parallelism.tp}, {"ep", parallelism.expert_parallel}});
  if (!sweep) {
    demand_refusal(sweep.error());
    return;
  }
  demand(sweep->problem == shapes->front().vllm, "a sweep of a model has the problem of its shape");
}

}  // namespace

/// The text of a config.json.
void try_input(std::string_view input) {
  const auto config = schema::parse_model_config(input, "config.json");
  if (!config) {
    demand_reason(config.error());
    return;
  }
  const auto model = schema::moe_model_from_json(*config);
  if (!model) {
    demand_refusal(model.error());
    return;
  }
  demand(!model->layers.empty() && model->hidden_size > 0, "a model that is taken has experts");
  for (const auto& layer : model->layers) {
    demand(layer.num_experts > 1 && layer.topk >= 1 && layer.topk <= layer.num_experts && layer.intermediate_size >= 1,
           "layers are in bounds");
  }
  for (const schema::Parallelism& parallelism :
       std::initializer_list<schema::Parallelism>{{1, false}, {2, false}, {8, false}, {4, true}, {3, true}}) {
    try_ranks(*model, *config, parallelism);
  }
}

}  // namespace moetune::fuzz
