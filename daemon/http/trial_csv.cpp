#include "daemon/http/trial_csv.hpp"

#include <array>
#include <string_view>

namespace moetune::daemon::http {
namespace {

constexpr std::array k_columns = {"device",
                                  "arch",
                                  "E",
                                  "N",
                                  "hidden_size",
                                  "topk",
                                  "dtype",
                                  "block_shape",
                                  "act_dtype",
                                  "gated",
                                  "per_channel_quant",
                                  "router_weight_on_input",
                                  "batch",
                                  "BLOCK_SIZE_M",
                                  "BLOCK_SIZE_N",
                                  "BLOCK_SIZE_K",
                                  "GROUP_SIZE_M",
                                  "num_warps",
                                  "num_stages",
                                  "kernel",
                                  "kernel_digest",
                                  "compiler",
                                  "status",
                                  "latency_us",
                                  "samples_us",
                                  "l2",
                                  "routing",
                                  "origin",
                                  "measured_at",
                                  "rounds",
                                  "rounds_of",
                                  "stages_us",
                                  "gpu_uuid",
                                  "driver",
                                  "sm_clock_mhz",
                                  "throttle",
                                  "tool_version",
                                  "log_tail",
                                  "sweep",
                                  "down_BLOCK_SIZE_M",
                                  "down_BLOCK_SIZE_N",
                                  "down_BLOCK_SIZE_K",
                                  "down_GROUP_SIZE_M",
                                  "down_num_warps",
                                  "down_num_stages"};
constexpr std::string_view k_down = "down_";

std::string cell(const nlohmann::ordered_json& value) {
  if (value.is_null()) return {};
  std::string text = value.is_string() ? value.get<std::string>()
                                       : value.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted.append(c == '"' ? 2 : 1, c);
  return quoted + '"';
}

/// The value of a column; null where the row has none.
nlohmann::ordered_json value_in(const nlohmann::ordered_json& row, std::string_view column) {
  const auto& config = row["config"];
  if (column.starts_with(k_down)) {
    const auto down = config.find("down");
    return down == config.end() ? nlohmann::ordered_json() : (*down)[std::string(column.substr(k_down.size()))];
  }
  if (const auto found = row.find(column); found != row.end()) return *found;
  const auto part = config.find(column);
  return part == config.end() ? nlohmann::ordered_json() : *part;
}

}  // namespace

std::string trial_csv_header() {
  std::string line;
  for (const std::string_view name : k_columns) line.append(line.empty() ? "" : ",").append(name);
  return line + "\r\n";
}

std::string trial_csv_line(const schema::Trial& trial) {
  const nlohmann::ordered_json row = schema::to_json(trial);
  std::string line;
  for (const std::string_view name : k_columns) {
    if (name != k_columns.front()) line += ',';
    line += cell(value_in(row, name));
  }
  return line + "\r\n";
}

}  // namespace moetune::daemon::http
