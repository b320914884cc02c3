#include "daemon/search/work_board.hpp"

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>

namespace moetune::daemon::search {

namespace {

std::vector<std::int64_t> batches_of(const std::vector<Candidate>& plan) {
  std::set<std::int64_t> batches;
  for (const Candidate& candidate : plan) batches.insert(candidate.batch);
  return {batches.begin(), batches.end()};
}

}  // namespace

WorkBoard::WorkBoard(std::vector<Candidate> plan, std::size_t workers, KernelNeeds needs, std::size_t compile_slots,
                     Order order, Admission admission)
    : trials_(std::move(plan)),
      needs_(std::move(needs)),
      owners_(batches_of(trials_), workers),
      admitted_(trials_.size(), false),
      finished_(trials_.size(), false),
      flying_(trials_.size(), false),
      order_(order),
      on_request_(admission == Admission::on_request),
      rounds_(trials_.size(), 0),
      kernels_(needs_.kernels),
      kernel_suspicion_(needs_.kernels),
      trial_suspicion_(trials_.size()),
      slow_slots_(compile_slots / 2),
      to_measure_(std::max<std::size_t>(workers, 1)),
      flying_of_(to_measure_.size(), 0),
      unfinished_(0) {
  needs_.of_trial.resize(trials_.size());
  for (std::size_t i = 0; i < trials_.size(); ++i) {
    index_of_.emplace(trials_[i], TrialIndex{i});
    trials_of_batch_[trials_[i].batch].push_back({i});
    missing_.push_back(needs_.of_trial[i].size());
    for (const KernelIndex kernel : needs_.of_trial[i]) kernels_[kernel.value].trials.push_back({i});
  }

  for (const KernelIndex kernel : needs_.slow) kernels_[kernel.value].slow = true;
  if (on_request_) return;
  for (std::size_t i = 0; i < trials_.size(); ++i) admit({i});
}

void WorkBoard::admit(TrialIndex trial) {
  if (admitted_[trial.value]) return;
  admitted_[trial.value] = true;
  ++admitted_count_;
  ++unfinished_;
  ++unfinished_of_[trials_[trial.value].batch];
  for (const KernelIndex index : kernels_of(trial)) {
    Kernel& kernel = kernels_[index.value];
    ++kernel.unfinished;
    if (kernel.state != KernelState::waiting) continue;
    if (!kernel_suspicion_[index.value].is_suspect) {
      waiting_with(index).insert(index);
    } else if (std::ranges::find(suspects_, WorkItem(index)) == suspects_.end()) {
      suspects_.push_back(index);  // it was dropped when nobody needed it
    }
  }
  enqueue(trial);
}

std::optional<TrialIndex> WorkBoard::find_trial(const Candidate& candidate) const {
  const auto found = index_of_.find(candidate);
  return found == index_of_.end() ? std::nullopt : std::optional(found->second);
}

std::vector<std::int64_t> WorkBoard::batches() const {
  return batches_of(trials_);
}

bool WorkBoard::has_work_for(std::size_t worker) const {
  return std::ranges::any_of(unfinished_of_, [&](const auto& entry) {
    return entry.second > 0 && owners_.owner_of(entry.first).value_or(worker) == worker;
  });
}

void WorkBoard::belongs_to(std::int64_t batch, std::size_t worker) {
  owners_.assign(batch, worker);
  to_measure_[worker].merge(to_begin_[batch]);
  to_begin_.erase(batch);
}

WorkBoard::Queue& WorkBoard::queue_of(TrialIndex trial) {
  const auto worker = worker_of(trial);
  return worker ? to_measure_[*worker] : to_begin_[trials_[trial.value].batch];
}

void WorkBoard::prefer(const BatchRanks& ranks) {
  std::vector<TrialIndex> waiting;
  for (std::size_t i = 0; i < trials_.size(); ++i) {
    if (queue_of({i}).erase(turn_of({i})) > 0) waiting.push_back({i});
  }
  ranks_ = ranks;
  if (!on_request_) owners_.prefer(ranks);
  for (const TrialIndex trial : waiting) wait(trial);
}

WorkBoard::Turn WorkBoard::turn_of(TrialIndex trial) const {
  const auto place = static_cast<std::int64_t>(trial.value);
  if (order_ != Order::heats) return {0, 0, 0, place, trial};
  const std::size_t rounds = rounds_of(trial);
  const std::int64_t batch = trials_[trial.value].batch;
  const std::size_t rank = on_request_ && rounds == 0 ? 0 : rank_of(ranks_, batch);
  if (rounds == 0) return {rank, 0, 0, place, trial};
  return {rank, rounds, batch, rounds % 2 == 0 ? place : -place, trial};
}

std::map<std::int64_t, BatchOwners::Work> WorkBoard::work_by_batch() const {
  std::map<std::int64_t, BatchOwners::Work> work;
  for (const auto& [batch, unfinished] : unfinished_of_) {
    const auto waiting = to_begin_.find(batch);
    work[batch] = {.unfinished = unfinished, .can_begin = waiting != to_begin_.end() && !waiting->second.empty()};
  }
  return work;
}

/// A worker runs dry when one trial is being measured and none waits; in rounds, when its batch has come to an end or
/// waits for a suspect.
void WorkBoard::begin_batch(std::size_t worker) {
  const std::size_t still_busy = order_ == Order::rounds ? 0 : 1;
  if (to_begin_.empty() || !to_measure_[worker].empty() || flying_of_[worker] > still_busy) return;
  if (const auto batch = owners_.next_for(worker, work_by_batch())) belongs_to(*batch, worker);
}

WorkBoard::Suspicion& WorkBoard::suspicion_of(WorkItem item) {
  if (const auto* kernel = std::get_if<KernelIndex>(&item)) return kernel_suspicion_[kernel->value];
  return trial_suspicion_[std::get<TrialIndex>(item).value];
}

bool WorkBoard::needed(WorkItem item) const {
  if (const auto* kernel = std::get_if<KernelIndex>(&item)) return kernels_[kernel->value].unfinished > 0;
  const std::size_t trial = std::get<TrialIndex>(item).value;
  return admitted_[trial] && !finished_[trial];
}

bool WorkBoard::may_wait_in_queue(TrialIndex trial) const {
  const bool held_back = flying_[trial.value] || trial_suspicion_[trial.value].is_suspect;
  return admitted_[trial.value] && !finished_[trial.value] && !held_back && missing_[trial.value] == 0;
}

void WorkBoard::enqueue(TrialIndex trial) {
  const bool takes_turns = order_ == Order::rounds || (order_ == Order::heats && rounds_of(trial) > 0);
  if (takes_turns) {
    enqueue_round(trials_[trial.value].batch);
  } else if (may_wait_in_queue(trial)) {
    wait(trial);
  }
}

std::vector<TrialIndex> WorkBoard::unfinished_of_batch(std::int64_t batch) const {
  std::vector<TrialIndex> unfinished;
  const auto found = trials_of_batch_.find(batch);
  if (found == trials_of_batch_.end()) return unfinished;
  std::ranges::copy_if(found->second, std::back_inserter(unfinished),
                       [&](TrialIndex trial) { return admitted_[trial.value] && !finished_[trial.value]; });
  return unfinished;
}

void WorkBoard::open_rounds() {
  if (std::exchange(rounds_open_, true) || order_ != Order::heats) return;
  for (const auto& [batch, trials] : trials_of_batch_) enqueue_round(batch);
}

void WorkBoard::enqueue_round(std::int64_t batch) {
  const auto unfinished = unfinished_of_batch(batch);
  if (unfinished.empty()) return;
  if (order_ == Order::heats) {
    const auto is_new = [&](TrialIndex trial) { return rounds_of(trial) == 0; };
    if (!rounds_open_ || std::ranges::any_of(unfinished, is_new)) return;
  }
  const bool lacks_kernels =
      std::ranges::any_of(unfinished, [&](TrialIndex trial) { return missing_[trial.value] > 0; });
  if (lacks_kernels) return;
  const auto last = std::ranges::min(unfinished, {}, [&](TrialIndex trial) { return rounds_of(trial); });
  for (const TrialIndex trial : unfinished) {
    if (rounds_of(trial) == rounds_of(last) && may_wait_in_queue(trial)) wait(trial);
  }
}

bool WorkBoard::is_ahead(TrialIndex trial) const {
  if (order_ == Order::plan) return false;
  return std::ranges::any_of(unfinished_of_batch(trials_[trial.value].batch),
                             [&](TrialIndex other) { return rounds_of(other) < rounds_of(trial); });
}

void WorkBoard::had_round(TrialIndex trial) {
  ++rounds_[trial.value];
  trial_suspicion_[trial.value].is_suspect = false;
  put_back(trial);
}

void WorkBoard::resume_after(TrialIndex trial, std::size_t rounds) {
  for (const TrialIndex other : trials_of_batch_[trials_[trial.value].batch]) {
    if (order_ == Order::rounds || other == trial) wait_no_more(other);
  }
  rounds_[trial.value] = rounds;
  enqueue(trial);
}

void WorkBoard::leave_flight(WorkItem item) {
  if (in_flight_ > 0) --in_flight_;
  if (const auto* trial = std::get_if<TrialIndex>(&item)) --flying_of_[*worker_of(*trial)];
  if (alone_ == item) alone_.reset();
}

void WorkBoard::finish(TrialIndex trial) {
  if (finished_[trial.value]) return;
  admit(trial);
  if (flying_[trial.value]) {
    flying_[trial.value] = false;
    leave_flight(trial);
  }
  finished_[trial.value] = true;
  --unfinished_;
  --unfinished_of_[trials_[trial.value].batch];
  wait_no_more(trial);
  for (const KernelIndex kernel : kernels_of(trial)) {
    if (--kernels_[kernel.value].unfinished == 0) waiting_with(kernel).erase(kernel);
  }
  if (order_ != Order::plan) enqueue_round(trials_[trial.value].batch);
}

void WorkBoard::ready(KernelIndex index) {
  Kernel& kernel = kernels_[index.value];
  if (kernel.state == KernelState::ready) return;
  if (kernel.state == KernelState::compiling) leave_flight(index);
  waiting_with(index).erase(index);
  kernel.state = KernelState::ready;
  for (const TrialIndex trial : kernel.trials) {
    --missing_[trial.value];
    enqueue(trial);
  }
}

std::vector<TrialIndex> WorkBoard::fail(KernelIndex index) {
  Kernel& kernel = kernels_[index.value];
  if (kernel.state == KernelState::compiling) leave_flight(index);
  waiting_with(index).erase(index);
  kernel.state = KernelState::failed;
  std::vector<TrialIndex> failed;
  for (const TrialIndex trial : kernel.trials) {
    if (admitted_[trial.value] && !finished_[trial.value]) failed.push_back(trial);
  }
  for (const TrialIndex trial : failed) finish(trial);
  return failed;
}

void WorkBoard::lost(KernelIndex index) {
  Kernel& kernel = kernels_[index.value];
  if (kernel.state != KernelState::ready) return;
  kernel.state = KernelState::waiting;
  for (const TrialIndex trial : kernel.trials) {
    ++missing_[trial.value];
    wait_no_more(trial);
  }
  if (kernel.unfinished > 0) waiting_with(index).insert(index);
}

void WorkBoard::suspect(WorkItem item) {
  Suspicion& suspicion = suspicion_of(item);
  if (suspicion.is_suspect || !needed(item)) return;
  if (const auto* kernel = std::get_if<KernelIndex>(&item)) {
    if (kernels_[kernel->value].state == KernelState::ready) return;
    waiting_with(*kernel).erase(*kernel);
  } else {
    const auto trial = std::get<TrialIndex>(item);
    wait_no_more(trial);
  }
  suspicion.is_suspect = true;
  suspects_.push_back(item);
}

std::optional<KernelIndex> WorkBoard::next_compile() {
  const auto is_compiling = [&](KernelIndex slow) { return kernels_[slow.value].state == KernelState::compiling; };
  const auto slow_compiling = static_cast<std::size_t>(std::ranges::count_if(needs_.slow, is_compiling));
  const bool slow_first = slow_compiling < slow_slots_ && !slow_to_compile_.empty();
  auto& waiting = slow_first || to_compile_.empty() ? slow_to_compile_ : to_compile_;
  if (alone_ || waiting.empty()) return std::nullopt;
  const KernelIndex kernel = *waiting.begin();
  waiting.erase(waiting.begin());
  kernels_[kernel.value].state = KernelState::compiling;
  ++in_flight_;
  return kernel;
}

std::optional<TrialIndex> WorkBoard::next_trial(std::size_t worker) {
  if (alone_) return std::nullopt;
  begin_batch(worker);
  const auto trial = first_in_turn(worker);
  if (!trial) return std::nullopt;
  wait_no_more(*trial);
  flying_[trial->value] = true;
  ++flying_of_[worker];
  ++in_flight_;
  return trial;
}

std::optional<TrialIndex> WorkBoard::first_in_turn(std::size_t worker) const {
  const auto& queue = to_measure_[worker];
  if (queue.empty()) return std::nullopt;
  TrialIndex first = queue.begin()->trial;
  if (order_ != Order::rounds) return first;
  const auto batch_of = [&](TrialIndex trial) { return trials_[trial.value].batch; };
  for (std::size_t i = 0; i < flying_.size(); ++i) {
    if (flying_[i] && worker_of({i}) == worker && batch_of({i}) != batch_of(first)) return std::nullopt;
  }
  if (rounds_of(first) % 2 == 0) return first;
  for (const Turn& turn : queue) {
    if (batch_of(turn.trial) == batch_of(first)) first = turn.trial;
  }
  return first;
}

std::optional<WorkItem> WorkBoard::next_suspect() {
  if (in_flight_ > 0 || !to_compile_.empty() || !slow_to_compile_.empty()) return std::nullopt;
  for (const auto& queue : to_measure_) {
    if (!queue.empty()) return std::nullopt;
  }
  if (std::ranges::any_of(to_begin_, [](const auto& batch) { return !batch.second.empty(); })) return std::nullopt;
  for (std::size_t tries = suspects_.size(); tries > 0; --tries) {
    const WorkItem item = suspects_.front();
    suspects_.pop_front();
    if (!needed(item)) continue;
    if (const auto* kernel = std::get_if<KernelIndex>(&item)) {
      kernels_[kernel->value].state = KernelState::compiling;
    } else {
      const auto trial = std::get<TrialIndex>(item);
      const bool too_early = order_ == Order::heats && !rounds_open_ && rounds_of(trial) > 0;
      if (missing_[trial.value] > 0 || is_ahead(trial) || too_early) {
        suspects_.push_back(item);  // a kernel of it, or another of its batch, is a suspect too and comes first
        continue;
      }
      if (!worker_of(trial)) belongs_to(trials_[trial.value].batch, owners_.least_loaded(work_by_batch()));
      flying_[trial.value] = true;
      ++flying_of_[*worker_of(trial)];
    }
    alone_ = item;
    ++in_flight_;
    return item;
  }
  return std::nullopt;
}

void WorkBoard::put_back(WorkItem item) {
  leave_flight(item);
  const bool is_suspect = suspicion_of(item).is_suspect;
  if (const auto* kernel = std::get_if<KernelIndex>(&item)) {
    kernels_[kernel->value].state = KernelState::waiting;
    if (!is_suspect && needed(item)) waiting_with(*kernel).insert(*kernel);
  } else {
    const auto trial = std::get<TrialIndex>(item);
    flying_[trial.value] = false;
    enqueue(trial);
  }
  if (is_suspect) suspects_.push_front(item);
}

Verdict WorkBoard::interrupted(WorkItem item) {
  put_back(item);
  return ++suspicion_of(item).interruptions >= k_max_interruptions ? Verdict::stuck : Verdict::retry;
}

Verdict WorkBoard::died(WorkItem item) {
  Suspicion& suspicion = suspicion_of(item);
  const bool was_alone = alone_ == item;
  if (was_alone && ++suspicion.failures_alone >= k_failures_alone) return Verdict::failed;
  put_back(item);
  suspect(item);
  return Verdict::retry_alone;
}

bool WorkBoard::is_wanted(KernelIndex index) const {
  const Kernel& kernel = kernels_[index.value];
  const bool to_come = kernel.state == KernelState::waiting || kernel.state == KernelState::compiling;
  return kernel.unfinished > 0 && to_come;
}

std::map<std::int64_t, std::size_t> WorkBoard::unfinished_by_batch() const {
  std::map<std::int64_t, std::size_t> counts;
  for (std::size_t i = 0; i < trials_.size(); ++i) {
    if (admitted_[i] && !finished_[i]) ++counts[trials_[i].batch];
  }
  return counts;
}

std::size_t WorkBoard::kernels_to_compile() const {
  std::size_t count = 0;
  for (std::size_t i = 0; i < kernels_.size(); ++i) count += is_wanted({i}) ? 1 : 0;
  return count;
}

}  // namespace moetune::daemon::search
