#pragma once

#include <compare>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "schema/error.hpp"
#include "schema/model_quantisation.hpp"
#include "schema/problem.hpp"

namespace moetune::schema {

/// One kind of expert layer of a model, before it is spread over ranks.
struct ExpertLayer {
  std::int64_t num_experts = 0;
  std::int64_t topk = 0;
  std::int64_t intermediate_size = 0;  ///< of one expert, after the activation

  auto operator<=>(const ExpertLayer&) const = default;
};

/// What config.json tells about a model's experts.
struct MoeModel {
  std::string architecture;  ///< the first of `architectures`
  std::int64_t hidden_size = 0;
  std::vector<ExpertLayer> layers;  ///< distinct, in the order of the model's layers
  bool gated = true;
  bool router_weight_on_input = false;
  bool sglang_fuses_shared_expert = false;
  ActDtype act_dtype = ActDtype::bfloat16;
  Quantisation quantisation;
  std::vector<std::string> notes;  ///< what was taken from where, for a person to check
};

/// Parses the text of a config.json. Python writes Infinity and NaN into it, which JSON has not: they count as null.
/// Errors: invalid_argument beginning with `what`.
Result<nlohmann::json> parse_model_config(std::string_view text, std::string_view what);

/// Reads a parsed config.json. An architecture that is not known is probed for the usual names, with notes. Errors:
/// invalid_argument naming the field; conflict when there is nothing to tune (a dense model, or a quantisation
/// whose kernels read no file), with the reason.
Result<MoeModel> moe_model_from_json(const nlohmann::json& config);

}  // namespace moetune::schema
