#include "cli/traffic_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>

#include "schema/traffic.hpp"

namespace moetune::cli {
namespace {

using schema::Result;
using schema::TrafficBatch;

constexpr double k_bar = 30;  ///< columns of the longest one

/// Sizes that are shown in one row.
struct Row {
  std::int64_t low = 0;
  std::int64_t high = 0;
  double steps = 0;
  double time_ms = 0;  ///< of all steps
};

/// The least power of two that is not below it: rows end where the engines' batch sizes lie.
std::int64_t class_of(std::int64_t tokens) {
  return static_cast<std::int64_t>(std::bit_ceil(static_cast<std::uint64_t>(tokens)));
}

std::vector<Row> rows_of(const std::vector<TrafficBatch>& batches) {
  const bool merged = batches.size() > k_most_traffic_rows;
  std::vector<Row> rows;
  for (const auto& batch : batches) {
    const bool is_new = rows.empty() || !merged || class_of(rows.back().low) != class_of(batch.tokens);
    if (is_new) rows.push_back({.low = batch.tokens});
    Row& row = rows.back();
    row.high = batch.tokens;
    row.steps += static_cast<double>(batch.steps);
    row.time_ms += static_cast<double>(batch.steps) * batch.time_ms.value_or(0);
  }
  return rows;
}

std::string range_text(const Row& row) {
  return row.low == row.high ? std::to_string(row.low) : fmt::format("{}-{}", row.low, row.high);
}

std::string share_text(double share) {
  return fmt::format("{:.1f}%", share * 100);
}

Result<std::vector<TrafficBatch>> batches_of(const nlohmann::ordered_json& answer) {
  nlohmann::json list = nlohmann::json::array();
  for (const auto& item : answer.value("batches", nlohmann::ordered_json::array())) {
    nlohmann::json batch = {{"tokens", item.value("tokens", nlohmann::ordered_json())},
                            {"steps", item.value("steps", nlohmann::ordered_json())}};
    if (const auto time = item.value("time_ms", nlohmann::ordered_json()); !time.is_null()) batch["time_ms"] = time;
    list.push_back(std::move(batch));
  }
  auto batches = schema::traffic_batches_from_json(list);
  if (batches) return batches;
  return schema::fail(schema::ErrorCode::data_damaged,
                      fmt::format("the daemon's answer to /traffic: {}", batches.error().message));
}

}  // namespace

Result<Table> traffic_table(const nlohmann::ordered_json& answer) {
  const auto batches = batches_of(answer);
  if (!batches) return std::unexpected(batches.error());
  const auto rows = rows_of(*batches);
  const bool timed = batches->front().time_ms.has_value();
  const auto weight = [&](const Row& row) { return timed ? row.time_ms : row.steps; };
  double steps = 0;
  double sum = 0;
  double most = 0;
  for (const Row& row : rows) {
    steps += row.steps;
    sum += weight(row);
    most = std::max(most, weight(row));
  }
  Table table({{"tokens", Align::right},
               {"steps", Align::right},
               {"of steps", Align::right},
               {"step ms", Align::right},
               {"of time", Align::right},
               {timed ? "share of time" : "share of steps", Align::left}});
  for (const Row& row : rows) {
    table.add({range_text(row), fmt::format("{:.0f}", row.steps), share_text(row.steps / steps),
               timed ? fmt::format("{:.2f}", row.time_ms / row.steps) : "-",
               timed ? share_text(row.time_ms / sum) : "-",
               std::string(static_cast<std::size_t>(std::lround(k_bar * weight(row) / most)), '#')});
  }
  return table;
}

}  // namespace moetune::cli
