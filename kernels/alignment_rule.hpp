#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>

#include "schema/error.hpp"

namespace moetune::kernels {

/// How an engine sizes its launches; the default is vLLM 0.33's way, which `cuda` and `builtin` follow too. For P =
/// batch * topk pairs of E experts in row blocks of b rows, sorted_token_ids has P + X * (b - 1) entries, rounded up to
/// a multiple of `round_to`, where X is E + `extra_experts`, or P when that is less and `pairs_limit` is set.
/// kernels/triton/alignment_rule.py tells an engine's rule from its source.
struct AlignmentRule {
  bool naive = true;  ///< M * topk * 4 <= E: not aligned, each pair is a row block of its own
  std::int64_t extra_experts = 0;
  bool pairs_limit = true;
  std::int64_t round_to = 1;
  bool rows_limit = true;  ///< while A has fewer rows than b, a launch covers at most rows * top_k * b
  bool operator==(const AlignmentRule&) const = default;
};

/// {"naive", "extra_experts", "pairs_limit", "round_to", "rows_limit"}.
nlohmann::json to_json(const AlignmentRule& rule);
/// Errors: invalid_argument naming the field.
schema::Result<AlignmentRule> alignment_rule_from_json(const nlohmann::json& value);

}  // namespace moetune::kernels
