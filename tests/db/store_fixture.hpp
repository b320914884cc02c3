#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "db/database.hpp"
#include "db/sweep_store.hpp"
#include "db/trial_store.hpp"
#include "schema/trial.hpp"
#include "tests/must.hpp"

namespace moetune::db {

/// A folder of its own for temporary files, removed at the end.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

schema::Problem example_problem();
schema::SweepSpec example_spec();
schema::Group example_group();
/// Configurations that differ in GROUP_SIZE_M and num_stages; valid for 0 to 1023.
schema::TileConfig example_config(int number);
/// An ok row with three samples around `latency_us`.
schema::Trial ok_trial(std::int64_t batch, int config, double latency_us);
schema::Trial failed_trial(std::int64_t batch, int config, schema::TrialStatus status);

std::unique_ptr<Database> open_or_throw(const std::filesystem::path& folder, Access access = Access::read_write);

/// A fresh database and the shortest ways to write to it and read it.
class StoreTest : public ::testing::Test {
 protected:
  std::filesystem::path data_dir() const { return folder_.path() / "data"; }
  Database& database() { return *database_; }
  void reopen();
  void close() { database_.reset(); }

  std::int64_t new_sweep(const schema::SweepSpec& spec = example_spec());
  Recorded record(std::int64_t sweep, const schema::Trial& trial);
  Sweep sweep(std::int64_t id);
  void finish(std::int64_t sweep, schema::SweepState state = schema::SweepState::done);
  void discard(std::int64_t sweep);
  /// Runs SQL past the stores, on a connection of its own, and returns SQLite's answer: "" or its message.
  std::string raw(const std::string& sql);

  template <typename Query>
  auto read(Query&& query) {
    return must(database().read(std::forward<Query>(query)));
  }
  template <typename Change>
  auto write(Change&& change) {
    return must(database().write(std::forward<Change>(change)));
  }

 private:
  TemporaryFolder folder_;
  std::unique_ptr<Database> database_ = open_or_throw(data_dir());
};

}  // namespace moetune::db
