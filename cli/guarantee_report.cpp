#include "cli/guarantee_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "cli/merge_report.hpp"
#include "cli/text.hpp"

namespace moetune::cli {
namespace {

using nlohmann::ordered_json;
using schema::ErrorCode;
using schema::fail;
using schema::Result;

constexpr std::size_t k_most_listed = 20;

/// How much of 1..max was measured.
std::string coverage(const ordered_json& answer, const std::vector<std::int64_t>& measured) {
  if (measured.empty()) return "no M was measured";
  std::string count = fmt::format("measured: {} of M=1..{}", measured.size(), measured.back());
  const auto& widest = answer.at("widest_gap");
  const auto& longest = answer.at("longest_gap");
  if (widest.is_null() || longest.is_null()) return count;
  const auto from = widest.at("from").get<std::int64_t>();
  const auto to = widest.at("to").get<std::int64_t>();
  // Below the smallest measured M there is no other end.
  const auto ends = from > 1 ? fmt::format("between {} and {}", from - 1, to + 1) : fmt::format("below {}", to + 1);
  count += fmt::format("; farthest from a measured M in proportion: {}..{} ({})", from, to, ends);
  if (widest == longest) return count + ", which is also the longest range without one";
  return fmt::format("{}; longest range without one: {}..{}", count, longest.at("from").get<std::int64_t>(),
                     longest.at("to").get<std::int64_t>());
}

/// Keys that were added or that do not run their own batch's choice, and batches without a key.
void add_placement(const ordered_json& answer, std::vector<std::string>& lines) {
  const auto& problems = answer.at("problems");
  for (const auto& [batch, key] : answer.at("keys").items()) {
    const auto reason = key.at("reason").get<std::string>();
    const bool asked = std::ranges::all_of(problems, [&](const ordered_json& problem) {
      const auto& points = problem.at("points");
      return !points.contains(batch) || points.at(batch).at("asked").get<bool>();
    });
    if (!asked || reason.starts_with("pinned")) lines.push_back(fmt::format("key {}: {}", batch, printable(reason)));
  }
  for (const auto& batch : answer.at("left_out")) {
    lines.push_back(fmt::format("no key {}: {}", batch.at("batch").get<std::int64_t>(),
                                printable(batch.at("reason").get<std::string>())));
  }
}

GuaranteeReport read(const ordered_json& answer) {
  GuaranteeReport report;
  report.safe = answer.at("safe").get<bool>();
  report.measured = answer.at("measured").get<std::vector<std::int64_t>>();
  report.lines.push_back(printable(answer.at("text").get<std::string>()));
  report.lines.push_back(coverage(answer, report.measured));
  const auto pinned = answer.at("pinned").get<std::vector<std::int64_t>>();
  if (!pinned.empty()) report.lines.push_back("runs the default at M=" + some_of(pinned, k_most_listed));
  const auto unknown = answer.at("not_measured").get<std::vector<std::int64_t>>();
  if (!unknown.empty()) {
    std::vector<ordered_json> groups;
    for (const auto& problem : answer.at("problems")) groups.push_back(problem.value("group", ordered_json::object()));
    report.lines.push_back(fmt::format("not known for every {}, as it was not measured: what the file runs at M={}",
                                       noun_of_sharers(std::move(groups)), some_of(unknown, k_most_listed)));
  }
  add_placement(answer, report.lines);
  return report;
}

}  // namespace

Result<GuaranteeReport> guarantee_report(const ordered_json& answer) {
  try {
    return read(answer);
  } catch (const nlohmann::json::exception& error) {
    return fail(ErrorCode::data_damaged, fmt::format("the daemon's answer to /guarantee is not one: {}", error.what()));
  }
}

std::string some_of(const std::vector<std::int64_t>& numbers, std::size_t most) {
  const auto shown = std::span(numbers).first(std::min(numbers.size(), most));
  const auto rest = numbers.size() - shown.size();
  return fmt::format("{}{}", fmt::join(shown, ", "), rest > 0 ? fmt::format(" and {} more", rest) : "");
}

}  // namespace moetune::cli
