#include "tests/db/example_content.hpp"

#include <array>

#include "db/attempt_store.hpp"
#include "db/candidate_store.hpp"
#include "db/routing_store.hpp"
#include "db/traffic_store.hpp"
#include "db/trial_import.hpp"
#include "tests/db/store_fixture.hpp"

namespace moetune::db {
namespace {

using schema::SweepState;

/// Runs steps until one fails.
class Steps {
 public:
  template <typename T>
  void take(const Result<T>& step) {
    if (!step && done_) done_ = std::unexpected(step.error());
  }
  const Result<void>& done() const { return done_; }

 private:
  Result<void> done_;
};

std::int64_t running_sweep(Transaction& transaction, Steps& steps) {
  const auto id = create_sweep(transaction, example_spec());
  steps.take(id);
  if (!id) return 0;
  steps.take(change_sweep_state(transaction, *id, SweepState::running));
  return *id;
}

/// An engine's file of a few pages, and what a sweep took of it.
void add_candidates(Transaction& transaction, std::int64_t sweep, Steps& steps) {
  std::string text = "{\"triton_version\":\"3.6.0\"";
  for (int batch = 1; batch <= 100; ++batch) {
    text += ",\"" + std::to_string(batch) + "\":" + to_json(example_config(batch)).dump();
  }
  const auto set = schema::candidate_set_from_file(
      {"/x/vllm/E=256,N=512,device_name=NVIDIA_H20,dtype=fp8_w8a8,block_shape=[128,128].json", "0.33.0", text + "}"});
  steps.take(set);
  if (!set) return;
  const auto added = add_candidate_set(transaction, *set, std::string(64, 'c'));
  steps.take(added);
  if (added) steps.take(set_sweep_candidates(transaction, sweep, {{added->id, "", 3, 1}}));
}

void add_finished_sweep(Transaction& transaction, Steps& steps) {
  const std::int64_t id = running_sweep(transaction, steps);
  steps.take(resolve_sweep(transaction, id, {.resolved = {{"space", std::string(9000, 's')}}, .total = 301}));
  steps.take(add_compile_counts(transaction, id, {.done = 300, .failed = 1}));
  for (const std::int64_t batch : {1, 2, 3}) {
    steps.take(set_sweep_default(transaction, id, batch, example_config(0), "vllm 0.11"));
  }
  for (int config = 0; config < 300; ++config) {
    steps.take(record_trial(transaction, id, ok_trial(1 + config % 3, config, 10 + config % 17)));
  }
  schema::Trial failed = failed_trial(64, 1, schema::TrialStatus::compiler_crash);
  failed.log_tail = std::string(12'000, 'l');  // reaches over overflow pages
  steps.take(append_samples(transaction, id, {64, example_config(1)}, std::array{1.5, 2.5}));
  steps.take(append_samples(transaction, id, {64, example_config(1)}, std::array{3.5}));
  steps.take(record_trial(transaction, id, failed));
  steps.take(change_sweep_state(transaction, id, SweepState::done));
  add_candidates(transaction, id, steps);
  steps.take(
      add_traffic(transaction, {"server.log", schema::TrafficSource::batch_times, 3, {{1, 30, 9.5}, {64, 2, 12.0}}}));
}

void add_routing(Transaction& transaction, Steps& steps) {
  const schema::ExpertCounts counts{{std::vector<std::int64_t>(2000, 123'456)}};
  steps.take(keep_expert_counts(transaction, "counts:0123456789abcdef", counts));
}

void add_discarded_sweep(Transaction& transaction, Steps& steps) {
  const std::int64_t id = running_sweep(transaction, steps);
  steps.take(record_trial(transaction, id, ok_trial(1, 0, 2)));
  steps.take(change_sweep_state(transaction, id, SweepState::failed, "the GPU fell off the bus"));
  steps.take(discard_sweep(transaction, id));
}

void add_running_sweep(Transaction& transaction, Steps& steps) {
  const std::int64_t id = running_sweep(transaction, steps);
  NewAttempt attempt{.sweep = id, .artifact_key = "k1", .candidate = {}, .boot_id = "boot-1"};
  const auto ended = begin_attempt(transaction, attempt);
  steps.take(ended);
  if (ended) steps.take(end_attempt(transaction, *ended, AttemptOutcome::worker_failed, "signal 11"));
  attempt.kind = AttemptKind::measure;
  attempt.artifact_key.clear();
  attempt.candidate = TrialKey{16, example_config(3)};
  steps.take(begin_attempt(transaction, attempt));
}

}  // namespace

Result<void> fill_with_examples(Database& database) {
  auto written = database.write([](Transaction& transaction) -> Result<void> {
    Steps steps;
    add_finished_sweep(transaction, steps);
    add_routing(transaction, steps);
    add_discarded_sweep(transaction, steps);
    add_running_sweep(transaction, steps);
    return steps.done();
  });
  if (!written) return written;
  schema::Trial labelled = ok_trial(16, 0, 33);
  labelled.sweep = "0badcafe-1";
  labelled.driver = "570.1";
  std::vector<std::string> lines = {to_json(ok_trial(16, 0, 34)).dump(), to_json(labelled).dump()};
  const auto imported = import_trials(
      database,
      [&](std::string& line) -> Result<bool> {
        if (lines.empty()) return false;
        line = lines.back();
        lines.pop_back();
        return true;
      },
      {.default_config = [](const schema::Problem&, std::int64_t) { return std::optional(example_config(0)); }});
  return imported ? Result<void>() : std::unexpected(imported.error());
}

}  // namespace moetune::db
