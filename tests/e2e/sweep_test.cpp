#include <gtest/gtest.h>

#include "tests/e2e/problem_in_space.hpp"
#include "tests/e2e/running_daemon.hpp"

namespace moetune::e2e {
namespace {

class SweepTest : public testing::Test {
 protected:
  SweepTest() : daemon_({.data_dir = folder_.path() / "data", .cache_dir = folder_.path() / "cache"}) {}

  nlohmann::json small_sweep(bool compile = false) {
    return small_problem().sweep(daemon_.upload(small_problem().recording()), compile);
  }
  nlohmann::json finished_sweep(const nlohmann::json& spec) {
    return daemon_.wait_for(daemon_.create_sweep(spec), {"done", "failed"});
  }

  TempFolder folder_;
  RunningDaemon daemon_;
};

TEST_F(SweepTest, MeasuresEveryCandidateOfARecordingOnce) {
  const auto view = finished_sweep(small_sweep());
  EXPECT_EQ(view["state"], "done") << view.dump();
  EXPECT_EQ(view["trials"]["total"], small_problem().trials());
  EXPECT_EQ(view["trials"]["done"], small_problem().trials());
  EXPECT_EQ(view["trials"]["by_status"], nlohmann::json({{"ok", small_problem().trials()}}));
  EXPECT_EQ(view["trials"]["not_recorded"], 0);
  EXPECT_EQ(view["compiles"], nlohmann::json({{"done", 0}, {"cached", 0}, {"failed", 0}}));
  EXPECT_FALSE(view["finished_at"].is_null());
  const auto& best = view["best"]["1"];
  EXPECT_EQ(best["config"]["BLOCK_SIZE_M"], 16);
  EXPECT_EQ(best["config"]["BLOCK_SIZE_N"], 64);
  EXPECT_EQ(best["config"]["GROUP_SIZE_M"], 32);
  EXPECT_GT(best["speedup"].get<double>(), 1.0);
  EXPECT_EQ(best["chosen"]["config"], best["config"]);
}

TEST_F(SweepTest, CompilesEachKernelOnceAndNothingInARerun) {
  const auto spec = small_sweep(true);
  const auto first = finished_sweep(spec);
  EXPECT_EQ(first["state"], "done") << first.dump() << daemon_.log();
  EXPECT_EQ(first["compiles"], nlohmann::json({{"done", small_problem().tiles()}, {"cached", 0}, {"failed", 0}}));
  const auto second = finished_sweep(spec);
  EXPECT_EQ(second["compiles"], nlohmann::json({{"done", 0}, {"cached", small_problem().tiles()}, {"failed", 0}}));
  EXPECT_EQ(second["trials"]["by_status"], nlohmann::json({{"ok", small_problem().trials()}}));
}

TEST_F(SweepTest, CountsWhatTheRecordingLacks) {
  auto spec = small_sweep();
  spec["space"]["num_stages"] = {2, 3, 4};
  const auto view = finished_sweep(spec);
  EXPECT_EQ(view["trials"]["total"], small_problem().trials());
  EXPECT_EQ(view["trials"]["not_recorded"], 2 * 3 * 2 * 2);
}

TEST_F(SweepTest, NamesTheBatchesThatTheRecordingLacks) {
  auto spec = small_problem().sweep(daemon_.upload(small_problem().recording()), false);
  spec["batch"] = {1, 7, 64, 9999};
  const auto view = finished_sweep(spec);
  EXPECT_EQ(view["warnings"], nlohmann::json::array({"the recording has nothing for M=7, 9999"}));
  EXPECT_EQ(view["best"].size(), 2U);
}

TEST_F(SweepTest, RecordedFailuresAreRowsOfTheirStatus) {
  const auto recording = small_problem().recording([](schema::Trial& row) {
    if (row.config.block_size_m != 64) return;
    row.status = schema::TrialStatus::out_of_resources;
    row.latency_us.reset();
    row.samples_us.clear();
  });
  const auto view = finished_sweep(small_problem().sweep(daemon_.upload(recording), false));
  EXPECT_EQ(view["trials"]["by_status"]["out_of_resources"].get<std::size_t>() * 3, small_problem().trials());
  EXPECT_FALSE(view["best"].empty());
}

TEST_F(SweepTest, QueuedSweepsRunOneAfterTheOther) {
  const auto spec = small_sweep();
  std::vector<std::int64_t> ids;
  for (int i = 0; i < 4; ++i) ids.push_back(daemon_.create_sweep(spec));
  for (const auto id : ids) EXPECT_EQ(daemon_.wait_for(id, {"done", "failed"})["state"], "done");
  const auto list = daemon_.get("/sweeps").json();
  ASSERT_EQ(list["items"].size(), 4u);
  EXPECT_TRUE(list["next"].is_null());
  for (std::size_t i = 1; i < 4; ++i) EXPECT_LE(list["items"][i - 1]["finished_at"], list["items"][i]["started_at"]);
}

TEST_F(SweepTest, ExportNeedsTheKernelAndTheRecordingNamed) {
  finished_sweep(small_sweep());
  const std::string query = "/export?E=8&N=256";
  auto refused = daemon_.get(query);
  EXPECT_EQ(refused.status, 409);
  EXPECT_EQ(refused.json()["error"]["code"], "conflict");
  EXPECT_NE(refused.json()["error"]["message"].get<std::string>().find("kernel=cuda"), std::string::npos);
  EXPECT_EQ(daemon_.get(query + "&kernel=cuda").status, 409);
  const auto file = daemon_.get(query + "&kernel=cuda&allow_recorded=1");
  EXPECT_EQ(file.status, 200) << file.body;
  EXPECT_EQ(file.json()["64"]["BLOCK_SIZE_N"], 64);
  EXPECT_EQ(file.body.back(), '\n');
  const auto nothing = daemon_.get("/export?E=9&N=256");
  EXPECT_EQ(nothing.status, 404);
  EXPECT_EQ(nothing.json()["error"]["detail"]["nearest"][0]["E"], 8);
}

TEST_F(SweepTest, BestTakesTheNearestKey) {
  finished_sweep(small_sweep());
  const auto all = daemon_.get("/best?E=8&N=256").json();
  EXPECT_EQ(all["results"][0]["configs"].size(), 2u);
  EXPECT_EQ(all["results"][0]["origin"], "recorded");
  const auto one = daemon_.get("/best?E=8&N=256&batch=40").json();
  EXPECT_EQ(one["results"][0]["configs"].size(), 1u);
  EXPECT_TRUE(one["results"][0]["configs"].contains("64"));
}

TEST_F(SweepTest, ADiscardedSweepCountsNowhere) {
  const auto view = finished_sweep(small_sweep());
  const auto id = view["id"].get<std::int64_t>();
  EXPECT_EQ(daemon_.post("/sweeps/" + std::to_string(id) + "/discard").status, 200);
  EXPECT_EQ(daemon_.get("/best?E=8&N=256").status, 404);
  EXPECT_EQ(daemon_.sweep(id)["trials"]["done"], small_problem().trials());
}

TEST_F(SweepTest, ReuseTakesFinishedRowsOver) {
  auto spec = small_sweep();
  finished_sweep(spec);
  spec["reuse"] = true;
  const auto view = finished_sweep(spec);
  EXPECT_EQ(view["trials"]["by_status"], nlohmann::json({{"ok", small_problem().trials()}}));
  const auto first = daemon_.get("/trials?sweep=1&limit=1000").json()["items"];
  const auto second = daemon_.get("/trials?sweep=2&limit=1000").json()["items"];
  ASSERT_EQ(first.size(), second.size());
  for (const auto& row : second) {
    const auto same = std::ranges::find_if(
        first, [&](const auto& r) { return r["config"] == row["config"] && r["batch"] == row["batch"]; });
    ASSERT_NE(same, first.end());
    EXPECT_EQ((*same)["samples_us"], row["samples_us"]);
    EXPECT_EQ((*same)["measured_at"], row["measured_at"]);
    EXPECT_EQ(same->value("rounds", nlohmann::json()), row.value("rounds", nlohmann::json()));
    EXPECT_EQ(row.value("rounds_of", nlohmann::json()), row.contains("rounds") ? same->at("sweep") : nlohmann::json());
  }
  const auto in_rounds = [](const auto& row) { return row.contains("rounds"); };
  EXPECT_TRUE(std::ranges::any_of(second, in_rounds));
  const auto choices = [&](int sweep) {
    auto best = daemon_.sweep(sweep)["best"];
    for (auto& [batch, entry] : best.items())
      entry = {entry["chosen"]["config"], entry["chosen"]["latency_us"], entry["reason"]};
    return best;
  };
  EXPECT_EQ(choices(1), choices(2));
}

TEST_F(SweepTest, ReuseInAWiderSpaceMeasuresWhatIsComparedWithNewTilesAgain) {
  // The default and the narrow space's best are too close to tell apart; a tile of the wider space is far better.
  const auto recording = daemon_.upload(small_problem().recording([](schema::Trial& row) {
    const bool is_new = row.config.num_stages == 2 && row.config.block_size_m == 16;
    const double us = is_new ? 59.8 : 99.8;
    row.latency_us = us;
    row.samples_us = {us - 0.4, us, us + 0.4};
  }));
  for (const char* strategy : {"exhaustive", "race"}) {
    auto spec = small_problem().sweep(recording, false);
    spec["strategy"] = strategy;
    spec["space"]["num_stages"] = {3};
    const auto narrow = finished_sweep(spec);
    ASSERT_EQ(narrow["state"], "done") << narrow.dump();
    spec["space"]["num_stages"] = {2, 3};
    spec["reuse"] = true;
    const auto wide = finished_sweep(spec);
    ASSERT_EQ(wide["state"], "done") << wide.dump();
    EXPECT_EQ(wide["trials"]["done"], wide["trials"]["total"]);
    for (const auto& [batch, entry] : wide["best"].items()) {
      EXPECT_DOUBLE_EQ(entry["chosen"]["latency_us"].get<double>(), 59.8) << strategy << ' ' << batch << entry.dump();
      EXPECT_EQ(entry["reason"].get<std::string>().find("spread"), std::string::npos) << entry.dump();
    }
    const auto again = finished_sweep(spec);
    std::map<std::string, nlohmann::json> measured_at;
    const auto rows_of = [&](const nlohmann::json& view) {
      return daemon_.get("/trials?limit=1000&sweep=" + view["id"].dump()).json()["items"];
    };
    for (const auto& row : rows_of(wide)) measured_at[row["batch"].dump() + row["config"].dump()] = row["measured_at"];
    for (const auto& row : rows_of(again)) {
      EXPECT_EQ(measured_at[row["batch"].dump() + row["config"].dump()], row["measured_at"]) << "nothing was left";
    }
    for (const auto& view : {narrow, wide, again}) {
      EXPECT_EQ(daemon_.post("/sweeps/" + view["id"].dump() + "/discard").status, 200);
    }
  }
}

TEST_F(SweepTest, WhatWasChosenIsNotOutAfterOneRound) {
  const auto first = finished_sweep(small_sweep());
  const auto chosen = first["best"]["64"]["chosen"]["config"];
  const auto other_day = small_problem().recording([&](schema::Trial& row) {
    if (nlohmann::json(schema::to_json(row.config)) != chosen) return;
    *row.latency_us *= 1.1;
    for (double& us : row.samples_us) us *= 1.1;
  });
  const auto second = finished_sweep(small_problem().sweep(daemon_.upload(other_day), false));
  EXPECT_NE(second["best"]["64"]["chosen"]["config"], chosen);
  const auto rows = daemon_.get("/trials?batch=64&limit=1000&sweep=" + second["id"].dump()).json()["items"];
  const auto row = std::ranges::find(rows, chosen, [](const auto& each) { return each["config"]; });
  ASSERT_NE(row, rows.end());
  EXPECT_EQ(row->value("rounds", nlohmann::json::array()).size(), 4U) << row->dump();
}

TEST_F(SweepTest, RefusesWhatThisMachineCannotDo) {
  nlohmann::json spec = small_problem().sweep("", false);
  spec.erase("recording");
  spec.erase("compile");
  spec["kernel"] = "vllm";
  const auto answer = daemon_.post("/sweeps", spec.dump());
  EXPECT_TRUE(answer.status == 503 || answer.status == 400) << answer.body;
  spec["recording"] = std::string(64, 'a');
  EXPECT_EQ(daemon_.post("/sweeps", spec.dump()).status, 404);
}

}  // namespace
}  // namespace moetune::e2e
