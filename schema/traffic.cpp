#include "schema/traffic.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <utility>

#include "schema/problem.hpp"
#include "schema/strict_json.hpp"

namespace moetune::schema {
namespace {

using nlohmann::ordered_json;

constexpr std::array k_names = {std::pair{TrafficSource::batch_times, std::string_view("batch_times")},
                                std::pair{TrafficSource::cudagraph, std::string_view("cudagraph")},
                                std::pair{TrafficSource::iterations, std::string_view("iterations")},
                                std::pair{TrafficSource::prometheus, std::string_view("prometheus")}};

TrafficBatch read_batch(const nlohmann::json& value, std::size_t index, ObjectReader& outer) {
  const std::string what = fmt::format("traffic.batches[{}]", index);
  ObjectReader reader(value, what);
  TrafficBatch batch;
  batch.tokens = reader.integer("tokens", 1, k_max_batch);
  batch.steps = reader.integer("steps", 1, k_most_traffic_steps);
  reader.refuse_null({"time_ms"});
  batch.time_ms = reader.optional_number("time_ms", 1e-6, k_longest_step_ms);
  if (auto done = reader.finish(); !done) outer.adopt(done.error());
  return batch;
}

void check_batches(const std::vector<TrafficBatch>& batches, ObjectReader& reader) {
  if (!reader.ok()) return;
  const auto not_rising = std::ranges::adjacent_find(batches, std::ranges::greater_equal(), &TrafficBatch::tokens);
  if (not_rising != batches.end()) {
    return reader.reject("batches", fmt::format("must be ascending by tokens, and {} is followed by {}",
                                                not_rising->tokens, std::next(not_rising)->tokens));
  }
  const auto timed = std::ranges::count_if(batches, [](const auto& batch) { return batch.time_ms.has_value(); });
  if (timed != 0 && timed != std::ssize(batches)) {
    reader.reject("batches",
                  fmt::format("must have time_ms for each or for none, not for {} of {}", timed, batches.size()));
  }
}

std::vector<TrafficBatch> read_batches(const nlohmann::json* list, ObjectReader& reader) {
  std::vector<TrafficBatch> batches;
  if (list == nullptr) return batches;
  if (!list->is_array() || list->empty() || list->size() > k_most_traffic_batches) {
    reader.reject("batches", fmt::format("must be a list of 1 to {} batches", k_most_traffic_batches));
    return batches;
  }
  for (const auto& item : *list) batches.push_back(read_batch(item, batches.size(), reader));
  check_batches(batches, reader);
  return batches;
}

/// Milliseconds of all steps with so many tokens.
double total_ms(const TrafficBatch& batch) {
  return batch.time_ms ? static_cast<double>(batch.steps) * *batch.time_ms : 0;
}

}  // namespace

std::string_view name_of(TrafficSource source) {
  return std::ranges::find(k_names, source, &std::pair<TrafficSource, std::string_view>::first)->second;
}

Result<TrafficSource> traffic_source_from_name(std::string_view name) {
  const auto* const found = std::ranges::find(k_names, name, &std::pair<TrafficSource, std::string_view>::second);
  if (found != k_names.end()) return found->first;
  return fail(ErrorCode::invalid_argument,
              fmt::format("must be batch_times, cudagraph, iterations or prometheus, not \"{}\"", name));
}

std::string_view caution_of(TrafficSource source) {
  switch (source) {
    case TrafficSource::batch_times:
      return "times are those of whole steps; sizes that were seen once are not in the log";
    case TrafficSource::cudagraph:
      return "";
    case TrafficSource::iterations:
      return "tokens as scheduled, before the padding for CUDA graphs; the logged times are not used, with "
             "asynchronous "
             "scheduling they leave the GPU out";
    case TrafficSource::prometheus:
      return "each bucket stands for its middle; many versions of vLLM count chunked prefill wrongly here";
  }
  return "";
}

std::int64_t Traffic::steps() const {
  return std::accumulate(batches.begin(), batches.end(), std::int64_t{0},
                         [](std::int64_t sum, const TrafficBatch& batch) { return sum + batch.steps; });
}

ordered_json to_json(const std::vector<TrafficBatch>& batches) {
  ordered_json list = ordered_json::array();
  for (const auto& batch : batches) {
    ordered_json item = {{"tokens", batch.tokens}, {"steps", batch.steps}};
    if (batch.time_ms) item["time_ms"] = *batch.time_ms;
    list.push_back(std::move(item));
  }
  return list;
}

ordered_json to_json(const Traffic& traffic) {
  return {{"name", traffic.name},
          {"source", name_of(traffic.source)},
          {"lines", traffic.lines},
          {"batches", to_json(traffic.batches)}};
}

Result<Traffic> traffic_from_json(const nlohmann::json& value) {
  ObjectReader reader(value, "traffic");
  Traffic traffic;
  traffic.name = reader.text("name", k_max_traffic_name);
  const auto source = traffic_source_from_name(reader.text("source"));
  reader.refuse_null({"lines"});
  traffic.lines = reader.optional_integer("lines", 0, ObjectReader::k_max).value_or(0);
  traffic.batches = read_batches(reader.required_raw("batches"), reader);
  if (reader.ok() && traffic.name.empty()) reader.reject("name", "must not be empty");
  if (reader.ok() && !source) reader.reject("source", source.error().message);
  if (auto done = reader.finish(); !done) return std::unexpected(done.error());
  traffic.source = *source;
  return traffic;
}

Result<std::vector<TrafficBatch>> traffic_batches_from_json(const nlohmann::json& value) {
  const nlohmann::json object = {{"batches", value}};
  ObjectReader reader(object, "traffic");
  auto batches = read_batches(reader.required_raw("batches"), reader);
  if (auto done = reader.finish(); !done) return std::unexpected(done.error());
  return batches;
}

ordered_json to_json(const StoredTraffic& stored) {
  const Traffic& traffic = stored.traffic;
  const auto steps = static_cast<double>(traffic.steps());
  double time = 0;
  for (const auto& batch : traffic.batches) time += total_ms(batch);
  ordered_json list = ordered_json::array();
  for (const auto& batch : traffic.batches) {
    ordered_json item = {{"tokens", batch.tokens}, {"steps", batch.steps}, {"time_ms", nullptr}};
    item["share_of_steps"] = static_cast<double>(batch.steps) / steps;
    item["share_of_time"] = nullptr;
    if (batch.time_ms) {
      item["time_ms"] = *batch.time_ms;
      item["share_of_time"] = total_ms(batch) / time;
    }
    list.push_back(std::move(item));
  }
  const auto caution = caution_of(traffic.source);
  return {{"id", stored.id},
          {"name", traffic.name},
          {"source", name_of(traffic.source)},
          {"imported_at", to_text(stored.imported_at)},
          {"lines", traffic.lines},
          {"steps", traffic.steps()},
          {"note", caution.empty() ? ordered_json() : ordered_json(caution)},
          {"batches", std::move(list)}};
}

}  // namespace moetune::schema
