#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "daemon/search/between.hpp"
#include "tests/e2e/problem_in_space.hpp"
#include "tests/e2e/running_daemon.hpp"

namespace moetune::e2e {
namespace {

using nlohmann::json;
using Batches = std::vector<std::int64_t>;

/// Three batches, with points between them.
class TrafficOrderTest : public testing::Test {
 protected:
  static inline const Batches k_asked = {16, 24, 64};

  RunningDaemon::Options options(const std::string& name) const {
    return {.data_dir = folder_.path() / name / "data", .cache_dir = folder_.path() / name / "cache", .arguments = {}};
  }
  static std::string recording() {
    ProblemInSpace all = small_problem();
    all.batches = k_asked;
    for (const auto point : daemon::search::points_between(all.batches)) all.batches.push_back(point);
    return all.recording();
  }
  static json spec(const RunningDaemon& daemon, const std::string& strategy) {
    json spec = small_problem().sweep(daemon.upload(recording()), false);
    spec["batch"] = k_asked;
    spec["strategy"] = strategy;
    spec.erase("between");
    return spec;
  }
  /// Steps at so many tokens.
  static void import_traffic(const RunningDaemon& daemon, const std::map<std::int64_t, std::int64_t>& steps) {
    json traffic = {{"name", "server.log"}, {"source", "cudagraph"}, {"lines", 1}, {"batches", json::array()}};
    for (const auto& [tokens, count] : steps) traffic["batches"].push_back({{"tokens", tokens}, {"steps", count}});
    ASSERT_EQ(daemon.post("/traffic", traffic.dump()).status, 200);
  }
  static json tune(const RunningDaemon& daemon, const std::string& strategy) {
    const auto id = daemon.create_sweep(spec(daemon, strategy));
    json view = daemon.wait_for(id, {"done", "failed"});
    EXPECT_EQ(view["state"], "done") << view.dump() << daemon.log();
    return view;
  }
  static Batches batches_of_rows(const RunningDaemon& daemon) {
    Batches batches;
    const json rows = daemon.get("/trials?limit=1000").json()["items"];
    for (const json& row : rows) batches.push_back(row["batch"]);
    return batches;
  }
  /// The batches in the order in which their last rows came: from then on a file has them.
  static Batches completed(const Batches& rows) {
    Batches order;
    for (auto row = rows.rbegin(); row != rows.rend(); ++row) {
      if (std::ranges::find(order, *row) == order.end()) order.insert(order.begin(), *row);
    }
    return order;
  }
  static Batches asked_of(const Batches& batches) {
    Batches asked;
    std::ranges::copy_if(batches, std::back_inserter(asked),
                         [](auto batch) { return std::ranges::find(k_asked, batch) != k_asked.end(); });
    return asked;
  }
  static std::set<std::string> trials(const RunningDaemon& daemon) {
    std::set<std::string> trials;
    const json rows = daemon.get("/trials?limit=1000").json()["items"];
    for (const json& row : rows) trials.insert(row["batch"].dump() + row["config"].dump());
    return trials;
  }
  TempFolder folder_;
};

TEST_F(TrafficOrderTest, AnExhaustiveSweepEndsTheBatchesFirstThatWeighMost) {
  RunningDaemon daemon(options("daemon"));
  import_traffic(daemon, {{24, 100}, {64, 1000}, {47, 10}, {40, 300}});
  tune(daemon, "exhaustive");
  const auto rows = batches_of_rows(daemon);
  const auto order = completed(rows);
  EXPECT_EQ(asked_of(order), (Batches{64, 24, 16}));
  // Others fill the gaps in which the last two of a batch wait for each other's rounds.
  const auto all_of_64 = std::ranges::count(rows, 64);
  const auto last_64 = std::find(rows.rbegin(), rows.rend(), 64).base() - rows.begin();
  EXPECT_LE(last_64, all_of_64 + 15);
  // The points come after the batches, those that weigh first: 40 tokens are a point, 47 are nearest to 48.
  const Batches between(order.begin() + 3, order.end());
  ASSERT_EQ(between.size(), daemon::search::points_between(k_asked).size());
  EXPECT_EQ(between[0], 40);
  EXPECT_EQ(between[1], 48);
}

TEST_F(TrafficOrderTest, WithoutTrafficAllBatchesGoOnAtTheSameTime) {
  RunningDaemon daemon(options("daemon"));
  tune(daemon, "exhaustive");
  const auto rows = batches_of_rows(daemon);
  const Batches begin(rows.begin(), rows.begin() + 20);
  for (const auto batch : k_asked) EXPECT_NE(std::ranges::find(begin, batch), begin.end()) << batch;
}

TEST_F(TrafficOrderTest, ARaceComesToTheSameCandidatesAndEndsWithWhatWeighsMost) {
  RunningDaemon plain(options("plain"));
  const json expected = tune(plain, "race");
  RunningDaemon daemon(options("daemon"));
  import_traffic(daemon, {{64, 1000}, {24, 10}});
  const json view = tune(daemon, "race");
  EXPECT_EQ(trials(daemon), trials(plain));
  EXPECT_EQ(best_of(view), best_of(expected));
  EXPECT_EQ(asked_of(completed(batches_of_rows(daemon))), (Batches{64, 24, 16}));
}

TEST_F(TrafficOrderTest, ASweepThatGoesOnWithOtherTrafficHasTheSameTrials) {
  RunningDaemon plain(options("plain"));
  const json expected = tune(plain, "exhaustive");
  std::int64_t id = 0;
  {
    RunningDaemon daemon(options("daemon"));
    import_traffic(daemon, {{64, 1000}});
    id = daemon.create_sweep(spec(daemon, "exhaustive"));
    daemon.wait_for_trials(id, 10);
    import_traffic(daemon, {{16, 1000}});
    daemon.kill();
  }
  RunningDaemon daemon(options("daemon"));
  const json view = daemon.wait_for(id, {"done", "failed"});
  ASSERT_EQ(view["state"], "done") << view.dump() << daemon.log();
  EXPECT_EQ(view["trials"], expected["trials"]);
  EXPECT_EQ(best_of(view), best_of(expected));
  EXPECT_EQ(trials(daemon), trials(plain));
}

}  // namespace
}  // namespace moetune::e2e
