#include "schema/traffic.hpp"

#include <algorithm>

#include "schema/strict_json.hpp"
#include "schema/traffic_log.hpp"
#include "tests/fuzz/demand.hpp"
#include "tests/fuzz/target.hpp"

namespace moetune::fuzz {
namespace {

using schema::Result;
using schema::Traffic;

Result<std::vector<Traffic>> read_in_pieces(std::string_view input, std::size_t size) {
  schema::TrafficLog log;
  while (!input.empty()) {
    log.read(input.substr(0, size));
    input.remove_prefix(std::min(size, input.size()));
  }
  return log.finish("log");
}

/// What was read is what a daemon takes, and what it gives back is the same.
void demand_whole(const Traffic& traffic) {
  demand(traffic.lines > 0 && traffic.steps() > 0, "what was found was in a line");
  const auto again = schema::traffic_from_json(nlohmann::json(to_json(traffic)));
  demand(again.has_value(), again ? "" : "traffic that was written is refused: " + again.error().message);
  demand(*again == traffic, "traffic that was written is read as it was");
  static_cast<void>(to_json(schema::StoredTraffic{1, traffic, {0}}).dump());
}

void try_log(std::string_view input) {
  const auto found = read_in_pieces(input, std::max<std::size_t>(input.size(), 1));
  if (!found) return demand_reason(found.error());
  demand(std::ranges::is_sorted(*found, {}, &Traffic::source), "sources come in the order of trust");
  for (const auto& traffic : *found) demand_whole(traffic);
  for (const std::size_t size : {1UL, 13UL}) {
    const auto pieces = read_in_pieces(input, size);
    demand(pieces && *pieces == *found, "pieces make no difference");
  }
}

void try_json(std::string_view input) {
  const auto value = schema::parse_json(input, "the body");
  if (!value) return;
  const auto traffic = schema::traffic_from_json(*value);
  if (!traffic) return demand_reason(traffic.error());
  const auto again = schema::traffic_from_json(nlohmann::json(to_json(*traffic)));
  demand(again && *again == *traffic, "traffic that was written is read as it was");
}

}  // namespace

/// A log, and the body of POST /traffic.
void try_input(std::string_view input) {
  try_log(input);
  try_json(input);
}

}  // namespace moetune::fuzz
