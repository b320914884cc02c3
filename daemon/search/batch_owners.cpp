#include "daemon/search/batch_owners.hpp"

#include <algorithm>
#include <numeric>

namespace moetune::daemon::search {
namespace {

/// Launches, module loads and weights weigh as much as some hundred tokens.
double modelled_cost(std::int64_t batch) {
  constexpr double k_fixed = 512;
  return static_cast<double>(batch) + k_fixed;
}

}  // namespace

BatchOwners::BatchOwners(const std::vector<std::int64_t>& batches, std::size_t workers)
    : workers_(std::max<std::size_t>(workers, 1)) {
  for (const std::int64_t batch : batches) {
    if (workers_ == 1) {
      batches_[batch].owner = 0;
    } else {
      batches_[batch];
    }
  }
}

std::optional<std::size_t> BatchOwners::owner_of(std::int64_t batch) const {
  const auto found = batches_.find(batch);
  return found == batches_.end() ? std::nullopt : found->second.owner;
}

void BatchOwners::assign(std::int64_t batch, std::size_t worker) {
  batches_[batch].owner = worker;
}

void BatchOwners::took(std::int64_t batch, double seconds) {
  Batch& known = batches_[batch];
  known.seconds += seconds;
  ++known.trials;
}

double BatchOwners::cost_of(std::int64_t batch) const {
  const Batch& known = batches_.at(batch);
  if (known.trials > 0) return known.seconds / static_cast<double>(known.trials);
  double measured = 0;
  double modelled = 0;
  for (const auto& [other, facts] : batches_) {
    if (facts.trials == 0) continue;
    measured += facts.seconds / static_cast<double>(facts.trials);
    modelled += modelled_cost(other);
  }
  return modelled_cost(batch) * (measured > 0 ? measured / modelled : 1);
}

double BatchOwners::left_of(std::int64_t batch, const Work& work) const {
  const auto more = expected_.find(batch);
  const std::size_t trials = work.unfinished + (more == expected_.end() ? 0 : more->second);
  return trials == 0 ? 0 : cost_of(batch) * static_cast<double>(trials);
}

std::vector<double> BatchOwners::loads(const std::map<std::int64_t, Work>& work) const {
  std::vector<double> loads(workers_ + 1, 0);
  for (const auto& [batch, facts] : batches_) {
    const auto found = work.find(batch);
    loads[facts.owner.value_or(workers_)] += left_of(batch, found == work.end() ? Work{} : found->second);
  }
  return loads;
}

std::optional<std::int64_t> BatchOwners::next_for(std::size_t worker, const std::map<std::int64_t, Work>& work) const {
  constexpr double k_slack = 1.05;  // costs are estimates
  const auto loads = this->loads(work);
  const double fair = std::accumulate(loads.begin(), loads.end(), 0.0) / static_cast<double>(workers_);
  const auto own_end = loads.begin() + static_cast<std::ptrdiff_t>(workers_);
  const bool is_last = loads[worker] <= *std::min_element(loads.begin(), own_end);
  std::optional<std::int64_t> most;
  std::pair<std::size_t, double> first;
  for (const auto& [batch, facts] : work) {
    if (!facts.can_begin || owner_of(batch)) continue;
    if (!is_last && loads[worker] + left_of(batch, facts) > fair * k_slack) continue;
    // What waits now counts, not what may come: the anchors of a race, which all others wait for, have the most.
    const std::pair order(rank_of(ranks_, batch), -cost_of(batch) * static_cast<double>(facts.unfinished));
    if (!most || order < first) {
      most = batch;
      first = order;
    }
  }
  return most;
}

std::size_t BatchOwners::least_loaded(const std::map<std::int64_t, Work>& work) const {
  const auto loads = this->loads(work);
  const auto least = std::min_element(loads.begin(), loads.begin() + static_cast<std::ptrdiff_t>(workers_));
  return static_cast<std::size_t>(least - loads.begin());
}

}  // namespace moetune::daemon::search
