#include "daemon/search/safety.hpp"

#include <algorithm>

namespace moetune::daemon::search {

bool slower_beyond_noise(const Measured& row, const Measured& standard, const schema::ChoiceRule& rule) {
  if (const Contest turns = compare(row, standard, rule); turns.in_turns) {
    const double loss = 1 / turns.speedup - 1;
    return loss > k_unsure_loss || (turns.high < 1 && loss > k_turn_noise);
  }
  const double spread = std::max(spread_us(row), spread_us(standard));
  return row.latency_us - standard.latency_us > std::min(spread, k_session_noise * standard.latency_us);
}

}  // namespace moetune::daemon::search
