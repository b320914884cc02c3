#include "cli/merge_report.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "cli/sweep_status.hpp"
#include "cli/table.hpp"
#include "cli/text.hpp"

namespace moetune::cli {
namespace {

using nlohmann::ordered_json;
using schema::ErrorCode;
using schema::fail;
using schema::Result;

std::string ratio_text(const ordered_json& value) {
  return value.is_number() ? fmt::format("{:.3f}", value.get<double>()) : "-";
}

std::vector<std::string> problem_lines(const ordered_json& problems) {
  std::vector<std::string> lines;
  const auto first = problems.at(0).value("routing", "uniform");
  const bool same_routing =
      std::ranges::all_of(problems, [&](const auto& problem) { return problem.value("routing", "uniform") == first; });
  for (const auto& problem : problems) {
    lines.push_back(fmt::format("{}: {}  {}  {}", lines.size() + 1, problem_text(problem),
                                printable(problem.at("act_dtype").get<std::string>()),
                                printable(problem.at("origin").get<std::string>())));
    const auto routing = problem.value("routing", "uniform");
    if (!same_routing) lines.back() += fmt::format("  routing {}", printable(routing));
  }
  return lines;
}

Table regret_table(const ordered_json& answer) {
  std::vector<Table::Column> columns = {
      {"batch", Align::right}, {"config", Align::left}, {"chosen", Align::left}, {"worst", Align::right}};
  for (std::size_t i = 1; i <= answer.at("problems").size(); ++i) {
    columns.push_back({fmt::format("of {}", i), Align::right});
  }
  columns.push_back({"reason", Align::left});
  Table table(columns);
  for (const auto& [batch, key] : answer.at("batches").items()) {
    const auto config = schema::tile_config_from_json(nlohmann::json(key.at("config")));
    const TileRows tiles = tile_rows(config ? std::optional(*config) : std::nullopt);
    std::vector<Table::Cell> cells = {printable(batch), tiles.tile,
                                      key.at("default").get<bool>() ? "default" : "merged",
                                      ratio_text(key.at("regret"))};
    for (const auto& standing : key.at("problems")) cells.emplace_back(ratio_text(standing.at("regret")));
    cells.resize(columns.size() - 1, {"-"});
    cells.emplace_back(printable(key.at("reason").get<std::string>()), Tone::faint);
    table.add(std::move(cells));
    if (!tiles.down) continue;
    std::vector<Table::Cell> below(columns.size(), {""});
    below[1] = {*tiles.down};
    table.add(std::move(below));
  }
  return table;
}

std::string missing_line(const ordered_json& missing) {
  std::vector<std::int64_t> numbers;
  for (const auto& place : missing.at("problems")) numbers.push_back(place.get<std::int64_t>() + 1);
  return fmt::format("no key for batch {}: {} {} no rows of it", missing.at("batch").get<std::int64_t>(),
                     fmt::join(numbers, " and "), numbers.size() > 1 ? "have" : "has");
}

}  // namespace

std::string noun_of_sharers(std::vector<ordered_json> groups) {
  std::set<std::string> routings;
  for (auto& group : groups) {
    routings.insert(group.value("routing", "uniform"));
    group.erase("routing");
  }
  const bool same = std::ranges::all_of(groups, [&](const auto& group) { return group == groups.front(); });
  return same && routings.size() > 1 ? "routing" : "problem";
}

Result<std::vector<std::string>> merge_report(const ordered_json& answer, const TerminalTraits& traits,
                                              std::size_t columns) {
  try {
    std::vector<std::string> lines;
    if (answer.at("problems").size() < 2) return lines;
    const auto noun = noun_of_sharers(answer.at("problems"));
    lines.push_back(fmt::format(
        "{} {}s share this file; a regret of 1 is a {}'s own best:", answer.at("problems").size(), noun, noun));
    for (auto& line : problem_lines(answer.at("problems"))) lines.push_back("  " + std::move(line));
    for (auto& line : regret_table(answer).lines(traits, columns)) lines.push_back(std::move(line));
    for (const auto& missing : answer.at("missing")) lines.push_back(missing_line(missing));
    return lines;
  } catch (const nlohmann::json::exception& error) {
    return fail(ErrorCode::data_damaged, fmt::format("the daemon's answer to /merge is not one: {}", error.what()));
  }
}

}  // namespace moetune::cli
