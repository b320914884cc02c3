#include "kernels/alignment_rule.hpp"

#include "schema/strict_json.hpp"

namespace moetune::kernels {
namespace {

constexpr std::int64_t k_most_extra_experts = 1024;
constexpr std::int64_t k_largest_multiple = 1024;

bool read_flag(schema::ObjectReader& reader, std::string_view name) {
  reader.required_raw(name);
  return reader.boolean_or(name, false);
}

}  // namespace

nlohmann::json to_json(const AlignmentRule& rule) {
  return {{"naive", rule.naive},
          {"extra_experts", rule.extra_experts},
          {"pairs_limit", rule.pairs_limit},
          {"round_to", rule.round_to},
          {"rows_limit", rule.rows_limit}};
}

schema::Result<AlignmentRule> alignment_rule_from_json(const nlohmann::json& value) {
  schema::ObjectReader reader(value, "alignment");
  AlignmentRule rule;
  rule.naive = read_flag(reader, "naive");
  rule.extra_experts = reader.integer("extra_experts", 0, k_most_extra_experts);
  rule.pairs_limit = read_flag(reader, "pairs_limit");
  rule.round_to = reader.integer("round_to", 1, k_largest_multiple);
  rule.rows_limit = read_flag(reader, "rows_limit");
  if (auto done = reader.finish(); !done) return std::unexpected(done.error());
  return rule;
}

}  // namespace moetune::kernels
