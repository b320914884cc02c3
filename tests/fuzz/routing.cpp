#include "schema/routing.hpp"

#include <algorithm>

#include "schema/strict_json.hpp"
#include "tests/fuzz/demand.hpp"
#include "tests/fuzz/target.hpp"

namespace moetune::fuzz {
namespace {

/// The file that --routing names, and what POST /sweeps gets of it.
void try_counts(std::string_view input) {
  const auto value = schema::parse_json(input, "the file");
  if (!value) return demand_reason(value.error());
  const auto counts = schema::expert_counts_from_json(*value);
  if (!counts) return demand_reason(counts.error());
  demand(!counts->layers.empty(), "there is a layer");
  for (const auto& layer : counts->layers) {
    demand(std::ranges::all_of(layer, [](std::int64_t count) { return count >= 0; }), "no count is negative");
  }
  const std::string text = to_json(*counts).dump();
  const auto again = schema::expert_counts_from_json(nlohmann::json::parse(text));
  demand(again.has_value(), again ? "" : "counts that were written are refused: " + again.error().message);
  demand(*again == *counts, "counts that were written are read as they were");
  demand(to_json(*again).dump() == text, "counts have one text");

  schema::Problem problem;
  problem.num_experts = static_cast<std::int64_t>(counts->layers.front().size());
  problem.topk = 1;
  if (const auto suits = schema::check_expert_counts(*counts, problem); !suits) demand_reason(suits.error());
  ++problem.num_experts;
  demand(!schema::check_expert_counts(*counts, problem), "counts are of as many experts as the problem has");
}

void try_name(std::string_view input) {
  const auto routing = schema::routing_from_name(input);
  const std::string canonical = schema::canonical_routing(input);
  demand(schema::canonical_routing(canonical) == canonical, "a canonical name is its own");
  if (!routing) return demand_reason(routing.error());
  const auto again = schema::routing_from_name(name_of(*routing));
  demand(again && *again == *routing, "a name that was written is read as it was");
}

}  // namespace

/// A file of expert counts, and the name of a routing.
void try_input(std::string_view input) {
  try_counts(input);
  try_name(input);
}

}  // namespace moetune::fuzz
