#include "tests/db/store_fixture.hpp"

#include <stdlib.h>
#include <unistd.h>

#include <stdexcept>

#include "db/connection.hpp"

namespace moetune::db {

using schema::Trial;
using schema::TrialStatus;

namespace {

/// In memory where there is such a place: the tests wait for no disk. What a killed process leaves behind is the same.
std::filesystem::path place_for_folders() {
  constexpr const char* k_memory = "/dev/shm";
  return ::access(k_memory, W_OK) == 0 ? std::filesystem::path(k_memory) : std::filesystem::temp_directory_path();
}

}  // namespace

TemporaryFolder::TemporaryFolder() {
  std::string pattern = (place_for_folders() / "moetune-db-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary folder");
  path_ = pattern;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code error;
  std::filesystem::remove_all(path_, error);
}

schema::Problem example_problem() {
  return {.num_experts = 256,
          .intermediate_size = 512,
          .hidden_size = 2048,
          .topk = 8,
          .dtype = schema::Dtype::fp8_w8a8,
          .block_shape = schema::BlockShape{128, 128}};
}

schema::SweepSpec example_spec() {
  schema::SweepSpec spec;
  spec.problem = example_problem();
  spec.batches = {1, 16};
  return spec;
}

schema::Group example_group() {
  return {.device = "NVIDIA_H200",
          .problem = example_problem(),
          .kernel = "cuda",
          .kernel_digest = "d1",
          .compiler = "nvrtc 13.0"};
}

schema::TileConfig example_config(int number) {
  return {.block_size_m = 16,
          .block_size_n = 64,
          .block_size_k = 128,
          .group_size_m = 1 + number / 16,
          .num_warps = 4,
          .num_stages = 1 + number % 16};
}

Trial ok_trial(std::int64_t batch, int config, double latency_us) {
  Trial trial;
  trial.group = example_group();
  trial.arch = "sm_90";
  trial.batch = batch;
  trial.config = example_config(config);
  trial.latency_us = latency_us;
  trial.samples_us = {latency_us - 0.25, latency_us, latency_us + 0.25};
  trial.measured_at = {1'700'000'000'000 + config};
  return trial;
}

Trial failed_trial(std::int64_t batch, int config, TrialStatus status) {
  Trial trial = ok_trial(batch, config, 1);
  trial.status = status;
  trial.latency_us.reset();
  trial.samples_us.clear();
  trial.log_tail = "it failed";
  return trial;
}

std::unique_ptr<Database> open_or_throw(const std::filesystem::path& folder, Access access) {
  return must(Database::open(folder, access));
}

void StoreTest::reopen() {
  database_.reset();
  database_ = open_or_throw(data_dir());
}

std::int64_t StoreTest::new_sweep(const schema::SweepSpec& spec) {
  return write([&](Transaction& transaction) { return create_sweep(transaction, spec); });
}

Recorded StoreTest::record(std::int64_t sweep, const Trial& trial) {
  return write([&](Transaction& transaction) { return record_trial(transaction, sweep, trial); });
}

Sweep StoreTest::sweep(std::int64_t id) {
  return read([&](Snapshot& snapshot) { return find_sweep(snapshot, id); });
}

void StoreTest::finish(std::int64_t sweep, schema::SweepState state) {
  write([&](Transaction& transaction) -> Result<Sweep> {
    if (auto running = change_sweep_state(transaction, sweep, schema::SweepState::running); !running) return running;
    return change_sweep_state(transaction, sweep, state);
  });
}

void StoreTest::discard(std::int64_t sweep) {
  write([&](Transaction& transaction) { return discard_sweep(transaction, sweep); });
}

std::string StoreTest::raw(const std::string& sql) {
  const auto done = guarded([&]() -> Result<void> {
    Connection connection({.path = database_path(data_dir()), .mode = OpenMode::write});
    connection.execute(sql);
    return {};
  });
  return done ? "" : done.error().message;
}

}  // namespace moetune::db
