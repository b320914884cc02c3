#include "cli/file_verdict_report.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "cli/format.hpp"
#include "cli/sweep_status.hpp"

namespace moetune::cli {
namespace {

Tone tone_of(const std::string& standing) {
  if (standing == "faster") return Tone::good;
  if (standing == "slower") return Tone::bad;
  return standing == "unclear" ? Tone::warning : Tone::plain;
}

Table::Cell speedup_cell(const std::optional<Against>& against) {
  return {speedup_text(against ? std::optional(against->speedup) : std::nullopt),
          against ? tone_of(against->standing) : Tone::plain};
}

std::string interval_text(const std::optional<Against>& against) {
  if (!against || against->standing == "identical") return "";
  return fmt::format("{:.3f}-{:.3f}", against->low, against->high);
}

std::string against_text(const std::optional<Against>& against) {
  if (!against) return "-";
  if (against->standing == "identical") return against->standing;
  return fmt::format("{} {}", speedup_text(against->speedup), against->standing);
}

/// The verdict against the default, or why there is none.
Table::Cell standing_cell(const BatchVerdict& batch) {
  if (batch.is_refused()) return {batch.status, Tone::bad};
  if (!batch.is_measured()) return {"not measured", Tone::faint};
  if (batch.versus_default) return {batch.versus_default->standing, tone_of(batch.versus_default->standing)};
  const bool is_refused = batch.default_status != "ok" && batch.default_status != "not_measured";
  return {is_refused ? fmt::format("default: {}", batch.default_status) : "no default", Tone::faint};
}

std::string shown(const std::vector<std::int64_t>& batches) {
  constexpr std::size_t k_most = 12;
  const auto first = std::span(batches).first(std::min(batches.size(), k_most));
  return fmt::format("{}{}", fmt::join(first, ", "), batches.size() > k_most ? ", ..." : "");
}

/// "faster at 20, the same at 12 (3 identical), unclear at 1, slower at 2 of 35 batches; geomean 1.082x, ..."
std::string tally_text(const Tally& tally, const std::string& other) {
  std::vector<std::string> parts;
  std::size_t batches = 0;
  for (const auto& [standing, list] : tally.batches) batches += list.size();
  for (const char* standing : {"faster", "same", "identical", "unclear", "slower"}) {
    if (tally.count(standing) > 0) parts.push_back(fmt::format("{} {}", standing, tally.count(standing)));
  }
  std::string text = fmt::format("against {}: {} of {} batches; geomean {}", other, fmt::join(parts, ", "), batches,
                                 speedup_text(tally.geomean));
  if (tally.worst_batch) {
    text += fmt::format(", worst {} at {}", speedup_text(tally.worst_speedup), *tally.worst_batch);
  }
  if (const auto slower = tally.batches.find("slower"); slower != tally.batches.end()) {
    text += fmt::format("; slower at {}", shown(slower->second));
  }
  return text;
}

std::string conclusion(const FileVerdict& verdict) {
  const Tally& tally = verdict.versus_default;
  if (verdict.not_measured.size() == verdict.batches.size()) return "nothing of it was measured";
  if (!verdict.refused.empty()) return "do not serve with it: the engine would fail where a row is refused";
  if (const auto slower = tally.count("slower"); slower > 0) {
    return fmt::format("it loses against the default at {} batch{}", slower, slower == 1 ? "" : "es");
  }
  if (const auto faster = tally.count("faster"); faster > 0) {
    return fmt::format("better than the default: faster at {} batch{}, slower nowhere beyond noise", faster,
                       faster == 1 ? "" : "es");
  }
  if (!tally.geomean) return "there is no default to hold it against";
  return "no better than the default: faster nowhere beyond noise";
}

}  // namespace

Table verdict_table(const FileVerdict& verdict, bool is_first) {
  // All but the last column fit a terminal of 80 columns.
  std::vector<Table::Column> columns = {
      {"batch", Align::right},   {"key", Align::right},     {"us", Align::right},     {"default", Align::right},
      {"speedup", Align::right}, {"interval", Align::left}, {"verdict", Align::left}, {"against best", Align::left}};
  if (!is_first) columns.push_back({"against first", Align::left});
  columns.push_back({"config", Align::left});
  Table table(columns);
  for (const BatchVerdict& batch : verdict.batches) {
    const TileRows config = tile_rows(batch.config);
    std::vector<Table::Cell> cells = {std::to_string(batch.batch),
                                      std::to_string(batch.key),
                                      microseconds_text(batch.latency_us),
                                      microseconds_text(batch.default_us),
                                      speedup_cell(batch.versus_default),
                                      interval_text(batch.versus_default),
                                      standing_cell(batch),
                                      {against_text(batch.versus_best), Tone::faint}};
    if (!is_first) {
      cells.emplace_back(against_text(batch.versus_first),
                         batch.versus_first ? tone_of(batch.versus_first->standing) : Tone::plain);
    }
    cells.emplace_back(config.down ? fmt::format("{} {}", config.tile, *config.down) : config.tile, Tone::faint);
    table.add(std::move(cells));
  }
  return table;
}

std::vector<std::string> verdict_lines(const FileVerdict& verdict) {
  std::vector<std::string> lines;
  if (verdict.versus_default.geomean) lines.push_back(tally_text(verdict.versus_default, "the default"));
  if (verdict.versus_best.geomean) lines.push_back(tally_text(verdict.versus_best, "the best known"));
  if (verdict.versus_first.geomean) lines.push_back(tally_text(verdict.versus_first, "the first file"));
  if (!verdict.refused.empty()) {
    std::map<std::string, std::vector<std::int64_t>> by_status;
    for (const BatchVerdict& batch : verdict.batches) {
      if (batch.is_refused()) by_status[batch.status].push_back(batch.batch);
    }
    for (const auto& [status, batches] : by_status) {
      const char* what = status == "wrong_result" ? "computes garbage" : "fails";
      lines.push_back(fmt::format("the engine {} at {} ({})", what, shown(batches), status));
    }
  }
  if (!verdict.not_measured.empty() && verdict.not_measured.size() < verdict.batches.size()) {
    lines.push_back(fmt::format("not measured: {}", shown(verdict.not_measured)));
  }
  lines.push_back(conclusion(verdict));
  return lines;
}

}  // namespace moetune::cli
