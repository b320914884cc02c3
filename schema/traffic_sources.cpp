#include "schema/traffic_sources.hpp"

#include <algorithm>
#include <cmath>

#include "schema/problem.hpp"
#include "schema/text_cursor.hpp"

namespace moetune::schema {
namespace {

/// Of one kind in one file; what is beyond them is damage, not an engine's log.
constexpr std::size_t k_most_processes = 4096;
constexpr std::size_t k_most_buckets = 256;

/// The process that wrote a line, as vLLM prefixes them: "(Worker_TP0 pid=123) INFO ...".
std::string_view process_of(std::string_view line) {
  TextCursor cursor(line);
  if (!cursor.find("pid=")) return "";
  return cursor.rest().substr(0, cursor.rest().find_first_not_of("0123456789"));
}

/// A cell of a table, read behind its opening bar.
std::optional<std::int64_t> cell(TextCursor& row) {
  row.skip_spaces();
  const auto value = row.integer();
  row.skip_spaces();
  return row.take("|") ? value : std::nullopt;
}

/// Behind a "[": all tuples (tokens, steps, milliseconds); nothing when one of them is none.
std::optional<StepCounts> tuples(TextCursor& list) {
  StepCounts counts;
  while (list.take("(")) {
    const auto tokens = list.integer();
    if (!tokens || !list.take(", ")) return std::nullopt;
    const auto steps = list.integer();
    if (!steps || !list.take(", ")) return std::nullopt;
    const auto time = list.decimal();
    // A step of no measurable time is rounded to 0.0; its time is taken as the least that is shown.
    if (!time || !list.take(")") || !counts.add(*tokens, *steps, std::max(*time, 0.01))) return std::nullopt;
    if (!list.take(", ")) break;
  }
  if (!list.take("]") || counts.steps() == 0) return std::nullopt;
  return counts;
}

double middle(double low, double high) {
  return std::isinf(high) ? low + 1 : std::floor((low + 1 + high) / 2);
}

}  // namespace

bool StepCounts::add(std::int64_t tokens, std::int64_t steps, double time_ms) {
  if (tokens < 1 || tokens > k_max_batch || steps < 1 || steps > k_most_traffic_steps) return false;
  if (!(time_ms >= 0) || time_ms > k_longest_step_ms) return false;
  const auto known = by_tokens_.find(tokens);
  if (known != by_tokens_.end() && known->second.steps > k_most_traffic_steps - steps) return false;
  Sum& sum = by_tokens_[tokens];
  sum.steps += steps;
  sum.time_ms += static_cast<double>(steps) * time_ms;
  steps_ += steps;
  return true;
}

std::vector<TrafficBatch> StepCounts::batches() const {
  std::vector<TrafficBatch> batches;
  for (const auto& [tokens, sum] : by_tokens_) {
    TrafficBatch batch{tokens, sum.steps, std::nullopt};
    if (sum.time_ms > 0) batch.time_ms = std::min(sum.time_ms / static_cast<double>(sum.steps), k_longest_step_ms);
    batches.push_back(batch);
  }
  return batches;
}

void CudagraphTables::read(std::string_view line) {
  if (line.find("| Unpadded Tokens") != std::string_view::npos &&
      line.find("| Padded Tokens") != std::string_view::npos) {
    had_header_ = true;
    return;
  }
  TextCursor row(line);
  if (!had_header_ || !row.find("| ")) return;
  const auto unpadded = cell(row);
  const auto padded = unpadded ? cell(row) : std::nullopt;
  const auto paddings = padded ? cell(row) : std::nullopt;
  if (!paddings || *paddings < 0 || *padded > k_max_batch || *padded - *paddings != *unpadded || !row.find("|")) return;
  const auto count = cell(row);
  if (count && counts_.add(*padded, *count)) ++lines_;
}

void IterationLines::read(std::string_view line) {
  TextCursor cursor(line);
  while (cursor.find("Iteration(")) {
    if (!cursor.integer() || !cursor.take("): ") || !cursor.integer() || !cursor.take(" context requests, ")) continue;
    const auto context = cursor.integer();
    if (!context || !cursor.take(" context tokens, ")) continue;
    if (!cursor.integer() || !cursor.take(" generation requests, ")) continue;
    const auto generation = cursor.integer();
    if (!generation || !cursor.take(" generation tokens")) continue;
    if (cursor.rest().find("(dummy)") != std::string_view::npos) continue;
    if (*context < 0 || *generation < 0 || *context > k_max_batch || *generation > k_max_batch) continue;
    if (counts_.add(*context + *generation, 1)) ++lines_;
  }
}

void BatchTimeLines::read(std::string_view line) {
  TextCursor cursor(line);
  if (!cursor.find("Batchsize forward time stats (batchsize, count, median_time(ms)): [")) return;
  auto counts = tuples(cursor);
  if (!counts) return;
  const auto process = process_of(line);
  auto known = latest_.find(process);
  if (known == latest_.end()) {
    if (latest_.size() == k_most_processes) return;
    known = latest_.emplace(process, StepCounts()).first;
  } else if (counts->steps() < known->second.steps()) {
    if (ended_.size() == k_most_processes) return;
    ended_.push_back(std::move(known->second));
  }
  known->second = std::move(*counts);
  ++lines_;
}

std::vector<TrafficBatch> BatchTimeLines::batches() const {
  StepCounts sum;
  const auto add = [&](const StepCounts& counts) {
    for (const auto& batch : counts.batches()) sum.add(batch.tokens, batch.steps, batch.time_ms.value_or(0));
  };
  for (const auto& counts : ended_) add(counts);
  for (const auto& [process, counts] : latest_) add(counts);
  return sum.batches();
}

void PrometheusHistogram::read(std::string_view line) {
  TextCursor cursor(line);
  if (!cursor.find("vllm:iteration_tokens_total_bucket{")) return;
  const auto end = cursor.rest().rfind("} ");
  if (end == std::string_view::npos) return;
  const auto labels = cursor.rest().substr(0, end);
  const auto at = labels.starts_with("le=\"") ? 0 : labels.find(",le=\"");
  if (at == std::string_view::npos) return;
  TextCursor bound(labels.substr(at));
  bound.find("le=\"");
  const bool unbounded = bound.take("+Inf");
  const auto high = unbounded ? std::optional(std::numeric_limits<double>::infinity()) : bound.decimal();
  TextCursor value(cursor.rest().substr(end + 2));
  const auto count = value.decimal();
  if (!high || !(*high >= 1) || !bound.take("\"") || !count) return;
  if (!(*count >= 0) || *count > static_cast<double>(k_most_traffic_steps)) return;
  const std::string key = std::string(labels.substr(0, at)) + std::string(bound.rest());
  if (!series_.contains(key) && series_.size() == k_most_processes) return;
  auto& buckets = series_[key];
  if (!buckets.contains(*high) && buckets.size() == k_most_buckets) return;
  buckets[*high] = *count;
  ++lines_;
}

std::vector<TrafficBatch> PrometheusHistogram::batches() const {
  StepCounts counts;
  for (const auto& [labels, buckets] : series_) {
    double low = 0;
    double below = 0;
    for (const auto& [high, cumulative] : buckets) {
      const double steps = std::round(cumulative - below);
      // One bound tells nothing of where below it the steps are.
      if (steps >= 1 && buckets.size() > 1 && middle(low, high) <= k_max_batch) {
        counts.add(static_cast<std::int64_t>(middle(low, high)), static_cast<std::int64_t>(steps));
      }
      low = high;
      below = std::max(below, cumulative);
    }
  }
  return counts.batches();
}

}  // namespace moetune::schema
