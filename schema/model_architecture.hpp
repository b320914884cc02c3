#pragma once

#include <array>
#include <string_view>

namespace moetune::schema {

/// Names that a field may have in config.json, in the order in which they count; the rest is empty.
using FieldNames = std::array<std::string_view, 7>;

/// Where a family of models keeps the sizes of its experts.
struct ExpertFields {
  FieldNames experts;       ///< E
  FieldNames topk;          ///< experts per token
  FieldNames intermediate;  ///< size after the activation, of one expert
  FieldNames hidden = {"hidden_size"};
};

/// What is known of an architecture beyond its fields.
struct ArchitectureTraits {
  bool gated = true;
  bool router_weight_on_input = false;
  bool sglang_fuses_shared_expert = false;  ///< SGLang computes the shared expert as one more routed one: E+1, topk+1
  std::string_view experts_switch = {};     ///< a field that is false where the model is dense
};

struct Architecture {
  std::string_view pattern;  ///< "Mixtral" is MixtralForCausalLM and the like; "Deepseek*" all that begins so
  const ExpertFields& fields;
  ArchitectureTraits traits = {};
};

/// The entry for a name of `architectures`, e.g. "Qwen3MoeForCausalLM"; nothing for one that is not known.
const Architecture* find_architecture(std::string_view name);

/// Where models that nobody knows may keep their experts.
const ExpertFields& generic_fields();

}  // namespace moetune::schema
