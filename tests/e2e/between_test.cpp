#include <gtest/gtest.h>

#include <map>
#include <set>

#include "daemon/search/between.hpp"
#include "tests/e2e/problem_in_space.hpp"
#include "tests/e2e/running_daemon.hpp"

namespace moetune::e2e {
namespace {

using nlohmann::json;

/// One tile beats the default of few tokens, another one that of many.
constexpr std::int64_t k_few = 16;
constexpr std::int64_t k_many = 64;

class BetweenTest : public testing::Test {
 protected:
  RunningDaemon::Options options() const {
    return {.data_dir = folder_.path() / "data", .cache_dir = folder_.path() / "cache", .arguments = {}};
  }
  /// The small problem with rows at both batches and, unless left out, at every point between them.
  static std::string recording(bool with_points) {
    ProblemInSpace all = small_problem();
    all.batches = {k_few, k_many};
    if (with_points) {
      for (const auto point : daemon::search::points_between(all.batches)) all.batches.push_back(point);
    }
    return all.recording([](schema::Trial& row) {
      const bool wide = row.config.block_size_n == 128;
      const double us = (row.batch < 40) == wide ? 40 : 50;
      row.latency_us =
          us + row.config.num_stages + (row.config.group_size_m == 1 ? 0 : 3) + (row.config.block_size_m == 16 ? 0 : 5);
      row.samples_us = {*row.latency_us, *row.latency_us + 0.01, *row.latency_us - 0.01};
    });
  }
  static json spec(const std::string& upload) {
    json spec = small_problem().sweep(upload, false);
    spec["batch"] = {k_few, k_many};
    spec.erase("between");
    return spec;
  }
  static std::map<std::int64_t, std::set<std::string>> configs_by_batch(const RunningDaemon& daemon) {
    std::map<std::int64_t, std::set<std::string>> configs;
    const json rows = daemon.get("/trials?limit=1000").json()["items"];
    for (const json& row : rows) {
      configs[row["batch"]].insert(row["config"].dump());
    }
    return configs;
  }

  TempFolder folder_;
};

TEST_F(BetweenTest, BothNeighboursAndTheDefaultAreMeasuredAtEachPoint) {
  RunningDaemon daemon(options());
  const json view = daemon.wait_for(daemon.create_sweep(spec(daemon.upload(recording(true)))), {"done", "failed"});
  ASSERT_EQ(view["state"], "done") << view.dump() << daemon.log();
  EXPECT_EQ(view["spec"]["between"], true);
  EXPECT_EQ(view["best"].size(), 2U) << "of the batches asked for";
  const std::string few = view["best"]["16"]["chosen"]["config"].dump();
  const std::string many = view["best"]["64"]["chosen"]["config"].dump();
  ASSERT_NE(few, many);
  const auto configs = configs_by_batch(daemon);
  EXPECT_EQ(configs.size(), 21U) << "16 to 32, 40, 48, 56, 64";
  for (const std::int64_t point : {24, 32, 40, 48, 56}) {
    EXPECT_TRUE(configs.at(point).contains(few)) << point;
    EXPECT_TRUE(configs.at(point).contains(many)) << point;
    EXPECT_EQ(configs.at(point).size(), 3U) << "the default too, at " << point;
  }
  EXPECT_EQ(view["trials"]["total"], view["trials"]["done"]);
}

TEST_F(BetweenTest, ARecordingWithoutPointsHasNone) {
  RunningDaemon daemon(options());
  const json view = daemon.wait_for(daemon.create_sweep(spec(daemon.upload(recording(false)))), {"done", "failed"});
  ASSERT_EQ(view["state"], "done") << view.dump() << daemon.log();
  EXPECT_EQ(configs_by_batch(daemon).size(), 2U);
}

TEST_F(BetweenTest, AKilledDaemonGoesOnBetweenTheKeys) {
  json undisturbed;
  {
    TempFolder other;
    RunningDaemon daemon({.data_dir = other.path() / "data", .cache_dir = other.path() / "cache", .arguments = {}});
    undisturbed = daemon.wait_for(daemon.create_sweep(spec(daemon.upload(recording(true)))), {"done", "failed"});
    EXPECT_EQ(daemon.terminate(), 0);
  }
  const auto at_the_keys = static_cast<std::int64_t>(small_problem().trials());
  std::int64_t id = 0;
  {
    RunningDaemon daemon(options());
    id = daemon.create_sweep(spec(daemon.upload(recording(true))));
    daemon.wait_for_trials(id, at_the_keys + 1);
    daemon.kill();
  }
  RunningDaemon daemon(options());
  const json view = daemon.wait_for(id, {"done", "failed"});
  ASSERT_EQ(view["state"], "done") << view.dump() << daemon.log();
  EXPECT_EQ(view["trials"], undisturbed["trials"]);
  const auto without_labels = [](json best) {
    for (auto& entry : best) {
      entry.erase("sweep");
      entry["chosen"].erase("sweep");
    }
    return best;
  };
  EXPECT_EQ(without_labels(view["best"]), without_labels(undisturbed["best"]));
}

/// A real Triton kernel, launched on a stand-in for the driver: the points have launch classes and kernels of their
/// own.
TEST_F(BetweenTest, PointsOfATritonKernelAreMeasuredOnTheUnchangedKernel) {
  auto on_a_gpu = options();
  on_a_gpu.environment = {{"LD_LIBRARY_PATH", MOETUNE_FAKE_DRIVER}};
  RunningDaemon daemon(on_a_gpu);
  if (const auto lack = daemon.lacks("Triton")) GTEST_SKIP() << *lack;
  json request = spec("");
  for (const char* field : {"recording", "compile", "strategy"}) request.erase(field);
  request["batch"] = {1, 8};
  request["kernel"] = "builtin";
  const json view = daemon.wait_for(daemon.create_sweep(request), {"done", "failed", "paused"});
  ASSERT_EQ(view["state"], "done") << view.dump() << daemon.log();
  std::set<std::int64_t> measured;
  const json rows = daemon.get("/trials?limit=1000&kernel=builtin").json()["items"];
  for (const json& row : rows) {
    measured.insert(row["batch"].get<std::int64_t>());
    EXPECT_EQ(row["status"], "ok") << row.dump();
  }
  EXPECT_EQ(measured, (std::set<std::int64_t>{1, 2, 3, 4, 5, 6, 7, 8}));
  EXPECT_EQ(view["trials"]["total"], view["trials"]["done"]);
}

}  // namespace
}  // namespace moetune::e2e
