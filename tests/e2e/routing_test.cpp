// Sweeps under other routings, on a GPU that computes nothing: everything but the driver is real.
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "tests/e2e/problem_in_space.hpp"
#include "tests/e2e/running_daemon.hpp"

namespace moetune::e2e {
namespace {

using nlohmann::json;

class RoutingTest : public testing::Test {
 protected:
  RunningDaemon::Options options() const {
    return {.data_dir = folder_.path() / "data",
            .cache_dir = folder_.path() / "cache",
            .arguments = {"--compile-jobs", "2"},
            .environment = {{"LD_LIBRARY_PATH", MOETUNE_FAKE_DRIVER}}};
  }
  static json spec() {
    json spec = six_tiles().sweep("", true);
    for (const char* field : {"recording", "compile"}) spec.erase(field);
    return spec;
  }
  static json counts() {
    json counts = json::array();
    for (std::int64_t expert = 0; expert < spec()["E"].get<std::int64_t>(); ++expert) counts.push_back(expert * expert);
    return counts;
  }
  static std::string best_of(const RunningDaemon& daemon, const std::string& routing) {
    const json problem = spec();
    return daemon
        .get("/best?E=" + problem["E"].dump() + "&N=" + problem["N"].dump() +
             (routing.empty() ? "" : "&routing=" + routing))
        .body;
  }

  TempFolder folder_;
};

TEST_F(RoutingTest, RowsOfEachRoutingAreAGroupOfTheirOwn) {
  const RunningDaemon daemon(options());
  json skewed = spec();
  skewed["routing"] = "zipf:1.20";
  const json view = daemon.wait_for(daemon.create_sweep(skewed), {"done", "failed", "paused"});
  ASSERT_EQ(view["state"], "done") << view.dump() << daemon.log();
  EXPECT_EQ(view["spec"]["routing"], "zipf:1.2");
  EXPECT_EQ(view["trials"]["by_status"], json({{"ok", six_tiles().trials()}}));
  EXPECT_NE(best_of(daemon, "zipf:1.2").find(R"("routing":"zipf:1.2")"), std::string::npos);
  EXPECT_NE(best_of(daemon, "").find("but of another routing"), std::string::npos) << "uniform is what counts";
}

TEST_F(RoutingTest, CountsOutliveTheDaemonThatTookThem) {
  json skewed = spec();
  skewed["routing"] = {{"counts", counts()}};
  std::int64_t id = 0;
  {
    RunningDaemon daemon(options());
    id = daemon.create_sweep(skewed);
    daemon.kill();
  }
  const RunningDaemon daemon(options());
  const json view = daemon.wait_for(id, {"done", "failed", "paused"});
  ASSERT_EQ(view["state"], "done") << view.dump() << daemon.log();
  const std::string name = view["spec"]["routing"];
  EXPECT_EQ(name.rfind("counts:", 0), 0U) << name;
  EXPECT_EQ(daemon.get("/routings").json()["items"][0]["routing"], name);
  EXPECT_EQ(daemon.get("/routings/" + name).json()["layers"], json::array({counts()}));
  EXPECT_NE(best_of(daemon, name).find(name), std::string::npos);
  skewed["routing"] = name;
  const json again = daemon.wait_for(daemon.create_sweep(skewed), {"done", "failed", "paused"});
  EXPECT_EQ(again["state"], "done") << again.dump();
  skewed["routing"] = "counts:0123456789abcdef";
  const Answer unknown = daemon.post("/sweeps", skewed.dump());
  EXPECT_EQ(unknown.status, 400);
  EXPECT_NE(unknown.body.find("its counts are not known here"), std::string::npos) << unknown.body;
}

TEST_F(RoutingTest, ASweepTriesWhatWasBestUnderAnotherRouting) {
  std::int64_t second = 0;
  {
    RunningDaemon daemon(options());
    const json view = daemon.wait_for(daemon.create_sweep(spec()), {"done", "failed", "paused"});
    ASSERT_EQ(view["state"], "done") << view.dump() << daemon.log();
    json skewed = spec();
    skewed["routing"] = "zipf:1.2";
    skewed["space"]["BLOCK_SIZE_M"] = {128};
    second = daemon.create_sweep(skewed);
    daemon.wait_for_trials(second, 1);
    daemon.kill();  // what it took is kept, and not looked for anew
  }
  const RunningDaemon daemon(options());
  const json view = daemon.wait_for(second, {"done", "failed", "paused"});
  ASSERT_EQ(view["state"], "done") << view.dump() << daemon.log();
  const json first_rows = json::parse(best_of(daemon, "uniform"))["results"][0]["configs"];
  const std::string rows = daemon.get("/trials?format=jsonl&routing=zipf:1.2").body;
  for (const auto& [batch, entry] : first_rows.items()) {
    bool tried = false;
    std::istringstream lines(rows);
    for (std::string line; std::getline(lines, line);) {
      const json row = json::parse(line);
      tried |= row["batch"].dump() == batch && row["config"] == entry["config"];
    }
    EXPECT_TRUE(tried) << "batch " << batch << ": " << entry["config"];
  }
  const json problem = spec();
  const Answer file =
      daemon.get("/export?E=" + problem["E"].dump() + "&N=" + problem["N"].dump() + "&kernel=cuda&robust=1");
  EXPECT_EQ(file.status, 200) << file.body;
}

TEST_F(RoutingTest, TheCommandLineMakesASweepOfEachRouting) {
  const RunningDaemon daemon(options());
  const auto file = folder_.path() / "layer3.json";
  std::ofstream(file) << json{{"layers", {counts(), counts()}}};
  const auto space = folder_.path() / "space.json";
  std::ofstream(space) << spec()["space"];
  const json problem = spec();
  const auto done = run_program({executable("moetune"), "--server", daemon.url(), "--json", "tune", "-E",
                                 problem["E"].dump(), "-N", problem["N"].dump(), "--hidden-size",
                                 problem["hidden_size"].dump(), "--topk", problem["topk"].dump(), "--batch", "16",
                                 "--space", space.string(), "--routing", "uniform,zipf," + file.string()});
  ASSERT_EQ(done.status, 0) << done.err;
  const json sweeps = json::parse(done.out)["sweeps"];
  ASSERT_EQ(sweeps.size(), 3U);
  EXPECT_EQ(sweeps[0]["spec"]["routing"], "uniform");
  EXPECT_EQ(sweeps[1]["spec"]["routing"], "zipf:1");
  const std::string name = sweeps[2]["spec"]["routing"];
  EXPECT_EQ(daemon.get("/routings/" + name).json()["layers"].size(), 2U);
  for (const json& sweep : sweeps) EXPECT_EQ(sweep["state"], "done");
}

}  // namespace
}  // namespace moetune::e2e
