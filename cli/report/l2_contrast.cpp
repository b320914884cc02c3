#include "cli/report/l2_contrast.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "cli/group_flags.hpp"
#include "cli/query.hpp"
#include "cli/report/batch_rows.hpp"
#include "schema/trial.hpp"

namespace moetune::cli {
namespace {

using nlohmann::ordered_json;
using schema::ErrorCode;
using schema::Result;
using schema::TileConfig;

/// Of the group's fields those that say what was measured, not which version did.
Query query_for(const ordered_json& group, const char* l2) {
  static const std::set<std::string> k_left_out = {"configs", "traffic", "l2", "kernel_digest", "compiler"};
  Query query;
  for (const auto& [name, value] : group.items()) {
    if (!k_left_out.contains(name)) query.add(name, flag_value_text(value));
  }
  query.add("l2", l2);
  return query;
}

/// The warm choices, by batch; nothing where there is no such group.
Result<std::optional<std::map<std::int64_t, BatchBest>>> warm_choices(const Client& client, const ordered_json& group) {
  const auto answer = client.get("/best", query_for(group, "warm"));
  if (!answer && answer.error().code == ErrorCode::not_found) return std::nullopt;
  if (!answer) return std::unexpected(answer.error());
  const auto results = answer->is_object() ? answer->value("results", ordered_json()) : ordered_json();
  if (!results.is_array() || results.size() != 1 || !results[0].is_object()) return std::nullopt;
  if (results[0].value("l2", "") != "warm") return std::nullopt;
  auto bests = batch_bests_from_json(results[0].value("configs", ordered_json::object()));
  if (!bests) return std::unexpected(bests.error());
  return std::optional(std::move(*bests));
}

/// The time of a configuration in the group: of several rows the newest one's.
Result<std::optional<double>> time_of(const Client& client, const ordered_json& group, std::int64_t batch,
                                      const TileConfig& config) {
  Query query = query_for(group, "cold");
  const auto rows = ok_rows(client, std::move(query), batch);
  if (!rows) return std::unexpected(rows.error());
  const schema::Trial* newest = nullptr;
  for (const schema::Trial& row : *rows) {
    if (row.config == config && (newest == nullptr || newest->measured_at <= row.measured_at)) newest = &row;
  }
  return newest == nullptr ? std::nullopt : newest->latency_us;
}

std::string us_text(const std::optional<double>& us) {
  return us ? fmt::format("{:.2f}", *us) : "not measured";
}

}  // namespace

std::optional<double> L2Difference::loss() const {
  if (!cold_us || !warm_when_cold_us || *cold_us <= 0) return std::nullopt;
  return *warm_when_cold_us / *cold_us - 1;
}

Result<std::optional<L2Contrast>> l2_contrast(const Client& client, const ordered_json& group,
                                              const std::map<std::int64_t, BatchBest>& cold) {
  if (group.value("l2", "") != "cold") return std::nullopt;
  const auto warm = warm_choices(client, group);
  if (!warm) return std::unexpected(warm.error());
  if (!*warm) return std::nullopt;
  L2Contrast contrast;
  for (const auto& [batch, best] : cold) {
    const auto other = (*warm)->find(batch);
    if (other == (*warm)->end() || !best.chosen || !other->second.chosen) continue;
    ++contrast.compared;
    if (*best.chosen == *other->second.chosen) continue;
    const auto time = time_of(client, group, batch, *other->second.chosen);
    if (!time) return std::unexpected(time.error());
    contrast.differences.push_back({batch, *best.chosen, *other->second.chosen, best.chosen_latency_us, *time});
  }
  return std::optional(std::move(contrast));
}

std::vector<std::string> markdown_of(const L2Contrast& contrast) {
  if (contrast.compared == 0) return {};
  if (contrast.differences.empty()) {
    return {
        fmt::format("With weights in L2 the same configurations are chosen at all {} values of M.", contrast.compared)};
  }
  std::vector<std::string> lines = {
      fmt::format("With weights in L2, as a loop over one layer has them, other configurations win at {} of {} values "
                  "of M. In a model weights come from memory, and there they are:",
                  contrast.differences.size(), contrast.compared),
      "", "| M | in the file | µs | chosen in L2 | µs from memory | slower by |", "|---:|---|---:|---|---:|---:|"};
  for (const L2Difference& difference : contrast.differences) {
    const auto loss = difference.loss();
    lines.push_back(fmt::format("| {} | {} | {} | {} | {} | {} |", difference.batch, short_text(difference.cold),
                                us_text(difference.cold_us), short_text(difference.warm),
                                us_text(difference.warm_when_cold_us),
                                loss ? fmt::format("{:.1f} %", 100 * *loss) : "-"));
  }
  return lines;
}

}  // namespace moetune::cli
