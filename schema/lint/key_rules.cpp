#include <fmt/format.h>

#include <set>

#include "schema/engine_rules.hpp"
#include "schema/lint/subject.hpp"

namespace moetune::schema::lint {
namespace {

void check_triton_version(const Subject& subject, Report& report) {
  if (!subject.is(EngineFormat::sglang)) return;
  report.findings.push_back({Code::triton_version, std::nullopt,
                             "sglang takes every key for a number and raises at \"triton_version\": leave it out; the "
                             "version belongs into the folder's name, such as triton_3_6_0"});
}

void check_key(const EngineEntry& entry, std::set<std::int64_t>& seen, Report& report) {
  const auto batch = engine_key(entry.key);
  if (!batch) {
    report.findings.push_back(
        {Code::key_not_integer, std::nullopt,
         fmt::format("key \"{}\" is no integer: the engine's loader raises", entry.key.substr(0, 60))});
    return;
  }
  const auto add = [&](Code code, std::string message) {
    report.findings.push_back({code, *batch, std::move(message)});
  };
  if (entry.key != std::to_string(*batch)) {
    add(Code::key_spelling, fmt::format("key \"{}\" is read as {}: write it so", entry.key.substr(0, 60), *batch));
  }
  if (*batch < 1 || *batch > k_max_batch) {
    add(Code::key_range, fmt::format("key {} is no batch size: use 1 to {}", *batch, k_max_batch));
  }
  if (!seen.insert(*batch).second) {
    add(Code::duplicate_key, fmt::format("key {} has several rows: the last one counts", *batch));
  }
  if (entry.row() == nullptr) {
    add(Code::not_a_row, fmt::format("key {} has a plain value: it must have a row of fields", *batch));
  }
}

void check_gaps(const std::set<std::int64_t>& seen, Report& report) {
  std::vector<std::int64_t> keys;
  for (const std::int64_t key : seen) {
    if (key >= 1 && key <= k_max_batch) keys.push_back(key);
  }
  if (keys.empty()) {
    report.findings.push_back(
        {Code::no_rows, std::nullopt, "the file has no row for any batch: the engine runs with its default"});
  } else if (const auto gap = untested_range(keys)) {
    report.findings.push_back(
        {Code::key_gap, std::nullopt,
         fmt::format("no key between {} and {}: there the engine takes the nearest one although it may be slower than "
                     "the default; tune the batches in between too",
                     gap->low, gap->high)});
  }
}

}  // namespace

void check_keys(const Subject& subject, Report& report) {
  std::set<std::int64_t> seen;
  for (const EngineEntry& entry : subject.rows.entries) {
    if (entry.key == "triton_version") {
      check_triton_version(subject, report);
    } else {
      check_key(entry, seen, report);
    }
  }
  check_gaps(seen, report);
}

}  // namespace moetune::schema::lint
