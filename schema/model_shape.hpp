#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "schema/engine_file.hpp"
#include "schema/error.hpp"
#include "schema/model_config.hpp"
#include "schema/problem.hpp"

namespace moetune::schema {

/// How an engine spreads a model's experts over the ranks of its tensor-parallel group.
struct Parallelism {
  std::int64_t tp = 1;           ///< ranks
  bool expert_parallel = false;  ///< each rank holds whole experts instead of a slice of each: ep = tp

  auto operator<=>(const Parallelism&) const = default;
};

/// The most ranks that anything accepts.
inline constexpr std::int64_t k_max_ranks = 4096;

/// What one rank computes for one kind of expert layer, as each engine sees it.
struct ModelShape {
  std::string architecture;
  Parallelism parallelism;
  std::int64_t topk = 0;  ///< the model's; SGLang's problem has one more where it fuses the shared expert
  Problem vllm;
  Problem sglang;

  const Problem& problem(EngineFormat engine) const { return engine == EngineFormat::vllm ? vllm : sglang; }
};

/// The shapes of a model on one rank, one for each kind of layer. Tensor parallelism: N = intermediate / tp; expert
/// parallelism: E = experts / tp, N = intermediate. Where SGLang fuses the shared expert every rank has one expert
/// more. Errors: invalid_argument with the numbers that do not divide.
Result<std::vector<ModelShape>> shapes_of(const MoeModel& model, const Parallelism& parallelism);

/// The problem whose numbers stand in the name of the engine's file: SGLang counts two 4 bit weights as one.
Problem named_problem(EngineFormat engine, const Problem& problem);

/// The names that the engine looks for on a device: one of vLLM's; SGLang's, then the one of GEMM 2.
/// Errors: invalid_argument when the device's name cannot be part of a file name.
Result<std::vector<std::string>> file_names(EngineFormat engine, std::string_view device, const ModelShape& shape);

/// An element of "shapes" in `shapes --json`. Without a device "file" is null and "files" empty. Errors: as
/// file_names().
Result<nlohmann::ordered_json> to_json(const ModelShape& shape, const std::optional<std::string>& device);

/// The engine whose shapes a kernel is tuned for.
EngineFormat engine_of_kernel(std::string_view kernel);

/// Replaces model, tp and ep in the body of POST /sweeps by the fields of the problem. E, N, hidden_size and topk
/// that stand beside the model choose among its shapes; other fields of the problem replace the model's. Errors:
/// invalid_argument naming the field, or listing the shapes when there are several; conflict when there is nothing to
/// tune.
Result<nlohmann::json> with_problem_of_model(const nlohmann::json& sweep);

}  // namespace moetune::schema
