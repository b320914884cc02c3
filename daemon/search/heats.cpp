#include "daemon/search/heats.hpp"

#include <algorithm>
#include <iterator>
#include <numeric>

#include "daemon/search/contest.hpp"
#include "schema/trial.hpp"

namespace moetune::daemon::search {
namespace {

/// How far behind the fastest a candidate may be to go on. After the first round that is the noise of a round; later a
/// candidate that far behind can no more become the fastest, and one that is nearer is as good as the fastest.
constexpr double k_first_bound = 1.01;
constexpr double k_later_bound = 1.003;

bool is_look(std::size_t rounds) {
  return std::ranges::find(k_looks, rounds) != std::end(k_looks);
}

/// Whether it is still open if the fastest beats what stays.
bool is_open(std::span<const HeatEntry> entries, std::size_t fastest, const schema::ChoiceRule& rule) {
  return std::ranges::any_of(entries, [&](const HeatEntry& rival) {
    if (!rival.stays || &rival == &entries[fastest]) return false;
    const auto pair = contest(entries[fastest].rounds_us, rival.rounds_us, error_of_look(rule), rule.min_gain);
    return !pair || pair->standing == Standing::unclear;
  });
}

}  // namespace

HeatEntry heat_entry(std::span<const std::vector<double>> rounds, bool stays, bool is_incumbent) {
  HeatEntry entry{.rounds_us = {}, .stays = stays, .latency_us = std::nullopt, .is_incumbent = is_incumbent};
  std::vector<double> all;
  for (const auto& samples_us : rounds) {
    entry.rounds_us.push_back(schema::median(samples_us));
    all.insert(all.end(), samples_us.begin(), samples_us.end());
  }
  if (!all.empty()) entry.latency_us = schema::median(all);
  return entry;
}

std::size_t rounds_to_decide(std::size_t of_default) {
  return std::max(k_looks[0], of_default);
}

double error_of_look(const schema::ChoiceRule& rule) {
  return (1 - rule.level) / static_cast<double>(std::size(k_looks) * k_most_challengers);
}

bool is_out_of_heat(double us, double best_us) {
  return us > best_us * k_first_bound;
}

HeatVerdict judge_heat(std::span<const HeatEntry> entries, const schema::ChoiceRule& rule) {
  std::vector<double> us;
  for (const HeatEntry& entry : entries) us.push_back(entry.latency_us.value_or(schema::median(entry.rounds_us)));
  std::vector<std::size_t> order(entries.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, {}, [&](std::size_t i) { return us[i]; });
  const std::size_t fastest = order.front();
  const std::size_t rounds = entries.front().rounds_us.size();

  HeatVerdict verdict;
  const double bound = rounds == 1 ? k_first_bound : k_later_bound;
  std::size_t challengers = 0;
  for (const std::size_t i : order) {
    if (entries[i].stays || (entries[i].is_incumbent && rounds < k_looks[0])) continue;
    const bool too_many = ++challengers > k_most_challengers;
    if (too_many || ((rounds == 1 || is_look(rounds)) && us[i] > us[fastest] * bound)) verdict.out.push_back(i);
  }
  std::ranges::sort(verdict.out);
  const bool alone = verdict.out.size() + 1 >= entries.size();
  // Nothing that is slower than what stays can be chosen.
  const bool settled = is_look(rounds) && (entries[fastest].stays || !is_open(entries, fastest, rule));
  verdict.over = alone || settled || rounds >= k_looks[std::size(k_looks) - 1];
  return verdict;
}

}  // namespace moetune::daemon::search
