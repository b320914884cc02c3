#include "daemon/export_answer.hpp"

#include "daemon/best_answer.hpp"
#include "tests/db/store_fixture.hpp"

namespace moetune::daemon {
namespace {

using db::example_config;
using db::failed_trial;
using db::ok_trial;
using nlohmann::json;
using schema::ErrorCode;
using schema::Trial;
using schema::TrialStatus;

/// Rows of sweeps whose default is always the configuration 0.
class ExportAnswerTest : public db::StoreTest {
 protected:
  std::int64_t sweep_with_default(std::vector<std::int64_t> batches = {1}) {
    const auto id = new_sweep();
    for (const auto batch : batches) {
      write([&](db::Transaction& transaction) {
        return db::set_sweep_default(transaction, id, batch, example_config(0), "vllm 0.11");
      });
    }
    return id;
  }
  /// The row in a model that differs from the example in what a file name does not tell.
  static Trial of_model(Trial trial, std::int64_t hidden_size) {
    trial.group.problem.hidden_size = hidden_size;
    return trial;
  }
  static ExportQuery merged_query() {
    ExportQuery query;
    query.filter.kernel = "cuda";
    query.merge = true;
    return query;
  }
  schema::Result<ExportedFile> exported(bool merge = false, schema::EngineFormat format = schema::EngineFormat::vllm,
                                        schema::Gemm gemm = schema::Gemm::up) {
    ExportQuery query = merged_query();
    query.merge = merge;
    query.format = format;
    query.gemm = gemm;
    return export_answer(database(), query);
  }
  /// SGLang's file for one of the GEMMs.
  ExportedFile sglang(schema::Gemm gemm, bool merge = false) {
    return must(exported(merge, schema::EngineFormat::sglang, gemm));
  }
  /// A row whose GEMM 2 runs with the tile of another configuration.
  static Trial pair_trial(std::int64_t batch, int up, int down, double latency_us) {
    Trial trial = ok_trial(batch, up, latency_us);
    trial.config = schema::paired(example_config(up), example_config(down));
    return trial;
  }
  json file(bool merge = false) {
    const auto answer = exported(merge);
    EXPECT_TRUE(answer) << answer.error().message;
    return answer ? json::parse(answer->bytes) : json();
  }
  static json entry(int config) { return schema::to_json(example_config(config)); }
};

TEST_F(ExportAnswerTest, TakesTheBestWhereItBeatsTheDefault) {
  const auto id = sweep_with_default({1, 16});
  record(id, ok_trial(1, 0, 50));
  record(id, ok_trial(1, 1, 40));
  record(id, ok_trial(16, 0, 100));
  record(id, ok_trial(16, 1, 99.9));  // within the spread of 0.25 us
  const auto answer = exported();
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->name, "E=256,N=512,device_name=NVIDIA_H200,dtype=fp8_w8a8,block_shape=[128,128].json");
  const auto rows = json::parse(answer->bytes);
  EXPECT_EQ(rows["1"], entry(1));
  EXPECT_EQ(rows["16"], entry(0));
}

TEST_F(ExportAnswerTest, ADefaultThatOnlyFailedIsNotWritten) {
  const auto id = sweep_with_default();
  record(id, failed_trial(1, 0, TrialStatus::out_of_resources));
  record(id, ok_trial(1, 1, 50));
  EXPECT_EQ(file()["1"], entry(1));
}

TEST_F(ExportAnswerTest, ADefaultThatRanInAnotherGroupOfTheSweepHasNotFailed) {
  const auto id = sweep_with_default();
  Trial warm = ok_trial(1, 0, 10);
  warm.group.l2 = schema::L2::warm;
  record(id, warm);
  record(id, ok_trial(1, 1, 50));
  EXPECT_EQ(file()["1"], entry(0)) << "nobody knows whether it beats the default";
  const auto best = best_answer(database(), {});
  ASSERT_TRUE(best);
  EXPECT_NE((*best)["results"][0]["configs"]["1"]["reason"].get<std::string>().find("not measured"), std::string::npos);
}

TEST_F(ExportAnswerTest, SglangGetsAFileForEachGemm) {
  const auto id = sweep_with_default({1, 16});
  record(id, ok_trial(1, 0, 50));
  record(id, ok_trial(1, 1, 40));
  record(id, pair_trial(1, 2, 3, 30));
  record(id, ok_trial(16, 0, 100));
  record(id, ok_trial(16, 1, 80));
  const auto up = sglang(schema::Gemm::up);
  const auto down = sglang(schema::Gemm::down);
  EXPECT_EQ(up.name, "E=256,N=512,device_name=NVIDIA_H200,dtype=fp8_w8a8,block_shape=[128, 128].json");
  EXPECT_EQ(down.name, "E=256,N=512,device_name=NVIDIA_H200,dtype=fp8_w8a8,block_shape=[128, 128]_down.json");
  EXPECT_EQ(json::parse(up.bytes), json({{"1", entry(2)}, {"16", entry(1)}}));
  EXPECT_EQ(json::parse(down.bytes), json({{"1", entry(3)}, {"16", entry(1)}}));
  EXPECT_EQ(up.choice, down.choice);
  record(id, pair_trial(1, 2, 4, 20));
  EXPECT_EQ(sglang(schema::Gemm::up).bytes, up.bytes);
  EXPECT_NE(sglang(schema::Gemm::up).choice, up.choice) << "the other file is not what it was";
}

TEST_F(ExportAnswerTest, VllmGetsTheBestRowWithOneTile) {
  const auto first = sweep_with_default();
  record(first, ok_trial(1, 0, 50));
  record(first, ok_trial(1, 1, 40));
  record(first, pair_trial(1, 1, 2, 30));
  EXPECT_EQ(file()["1"], entry(1));
  record(first, pair_trial(1, 0, 2, 20));
  const auto second = sweep_with_default();
  record(second, ok_trial(1, 0, 50));
  record(second, ok_trial(1, 3, 45));
  EXPECT_EQ(file()["1"], entry(1)) << "the fastest of all runs";
  const auto down = exported(false, schema::EngineFormat::vllm, schema::Gemm::down);
  ASSERT_FALSE(down);
  EXPECT_EQ(down.error().code, ErrorCode::invalid_argument);
}

TEST_F(ExportAnswerTest, VllmGetsNoFileFromPairsAlone) {
  record(new_sweep(), pair_trial(16, 1, 2, 30));
  const auto refused = exported();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::conflict);
  EXPECT_EQ(refused.error().message,
            "batch 16: GEMM 2 was measured with a tile of its own only, and a vllm file holds one tile for both GEMMs: "
            "export in format sglang, or tune this batch with one tile for both");
  EXPECT_EQ(refused.error().detail["batch"], 16);
}

TEST_F(ExportAnswerTest, VllmGetsTheDefaultWhereOnlyPairsWereMeasured) {
  record(sweep_with_default(), pair_trial(1, 1, 2, 30));
  EXPECT_EQ(file()["1"], entry(0));
  EXPECT_EQ(json::parse(sglang(schema::Gemm::down).bytes)["1"], entry(0)) << "nobody compared the pair with it";
}

TEST_F(ExportAnswerTest, VllmGetsNoDefaultThatIsAPair) {
  const auto id = new_sweep();
  const Trial standard = pair_trial(1, 1, 2, 30);
  write([&](db::Transaction& transaction) {
    return db::set_sweep_default(transaction, id, 1, standard.config, "sglang 0.5.8");
  });
  record(id, standard);
  record(id, ok_trial(1, 0, 40));
  EXPECT_EQ(exported().error().code, ErrorCode::conflict);
  EXPECT_EQ(json::parse(sglang(schema::Gemm::down).bytes)["1"], entry(2));
}

TEST_F(ExportAnswerTest, AMergedFileTakesAPairThatSuitsAllModels) {
  for (const std::int64_t hidden : {2048, 4096}) {
    const auto id = sweep_with_default();
    record(id, of_model(ok_trial(1, 0, 50), hidden));
    record(id, of_model(pair_trial(1, 1, 2, hidden == 2048 ? 30 : 45), hidden));
    record(id, of_model(pair_trial(1, 1, 3, hidden == 2048 ? 20 : 55), hidden));
    record(id, of_model(ok_trial(1, 4, hidden == 2048 ? 44 : 46), hidden));
  }
  EXPECT_EQ(json::parse(sglang(schema::Gemm::up, true).bytes)["1"], entry(1));
  EXPECT_EQ(json::parse(sglang(schema::Gemm::down, true).bytes)["1"], entry(2));
  EXPECT_EQ(file(true)["1"], entry(4));
}

TEST_F(ExportAnswerTest, SeveralModelsNeedToBeNarrowedOrMerged) {
  for (const std::int64_t hidden : {2048, 4096}) record(sweep_with_default(), of_model(ok_trial(1, 0, 50), hidden));
  const auto refused = exported();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::conflict);
  EXPECT_EQ(refused.error().detail["groups"].size(), 2U);
  EXPECT_NE(refused.error().message.find("merge=1"), std::string::npos);
}

TEST_F(ExportAnswerTest, ARobustFileHasTheLeastWorstRegretOverRoutings) {
  const auto under = [](const char* routing, Trial trial) {
    trial.group.routing = routing;
    return trial;
  };
  const auto even = sweep_with_default();
  const auto skewed = sweep_with_default();
  for (int i = 0; i < 3; ++i) {
    record(even, under("uniform", ok_trial(1, i, std::vector{100, 50, 55}[static_cast<std::size_t>(i)])));
    record(skewed, under("zipf:1.2", ok_trial(1, i, std::vector{100, 90, 60}[static_cast<std::size_t>(i)])));
  }
  EXPECT_EQ(file()["1"], entry(1)) << "uniform is what counts where nothing is said";
  ExportQuery query;
  query.filter.kernel = "cuda";
  query.robust = std::vector<std::string>();
  const auto all = export_answer(database(), query);
  ASSERT_TRUE(all) << all.error().message;
  EXPECT_EQ(json::parse(all->bytes)["1"], entry(2));
  query.robust = {"uniform", "zipf:1.2"};
  EXPECT_EQ(export_answer(database(), query)->bytes, all->bytes);
  const auto cost = merge_answer(database(), query);
  ASSERT_TRUE(cost) << cost.error().message;
  EXPECT_EQ((*cost)["problems"][1]["routing"], "zipf:1.2");
  EXPECT_NEAR((*cost)["batches"]["1"]["regret"].get<double>(), 1.1, 1e-9);
  EXPECT_NEAR((*cost)["batches"]["1"]["problems"][1]["regret"].get<double>(), 1.0, 1e-9);
  query.robust = {"uniform", "zipf:2"};
  EXPECT_EQ(export_answer(database(), query).error().code, ErrorCode::not_found);
  query.robust = {"uniform"};
  EXPECT_EQ(export_answer(database(), query).error().code, ErrorCode::conflict);
  record(sweep_with_default(), of_model(ok_trial(1, 0, 50), 4096));
  query.robust = std::vector<std::string>();
  const auto refused = export_answer(database(), query);
  EXPECT_EQ(refused.error().code, ErrorCode::conflict) << "two models are merged only when that was asked for";
}

TEST_F(ExportAnswerTest, AMergedFileSlowsNoModelDown) {
  const auto first = sweep_with_default({1, 16, 64});
  const auto second = sweep_with_default({1, 16});
  const auto add = [&](std::int64_t sweep, std::int64_t hidden, std::int64_t batch, std::vector<double> latencies) {
    for (std::size_t i = 0; i < latencies.size(); ++i) {
      record(sweep, of_model(ok_trial(batch, static_cast<int>(i), latencies[i]), hidden));
    }
  };
  add(first, 2048, 1, {100, 50, 70});
  add(second, 4096, 1, {200, 210, 150});
  add(first, 2048, 16, {100, 50});
  add(second, 4096, 16, {200, 210});
  add(first, 2048, 64, {100, 50});
  const auto rows = file(true);
  EXPECT_EQ(rows.size(), 2U) << "one of the models has no rows of batch 64";
  EXPECT_EQ(rows["1"], entry(2));
  EXPECT_EQ(rows["16"], entry(0));
}

TEST_F(ExportAnswerTest, TheReportTellsWhatTheMergedFileCostsEachProblem) {
  const auto first = sweep_with_default({1, 16, 64});
  const auto second = sweep_with_default({1, 16, 128});
  const auto add = [&](std::int64_t sweep, std::int64_t hidden, std::int64_t batch, std::vector<double> latencies) {
    for (std::size_t i = 0; i < latencies.size(); ++i) {
      record(sweep, of_model(ok_trial(batch, static_cast<int>(i), latencies[i]), hidden));
    }
  };
  add(first, 2048, 1, {100, 50, 60});
  add(second, 4096, 1, {200, 210, 150});
  add(first, 2048, 16, {100, 50});
  add(second, 4096, 16, {200, 210});
  add(first, 2048, 64, {100, 50});
  add(second, 4096, 128, {100, 50});
  const auto answer = merge_answer(database(), merged_query());
  ASSERT_TRUE(answer) << answer.error().message;
  const json report = json::parse(answer->dump());
  EXPECT_EQ(report["choice"], exported(true)->choice);
  EXPECT_EQ(report["file"], exported(true)->name);
  ASSERT_EQ(report["problems"].size(), 2U);
  EXPECT_EQ(report["problems"][0]["hidden_size"], 2048);
  EXPECT_EQ(report["problems"][1]["hidden_size"], 4096);
  EXPECT_EQ(report["batches"]["1"]["config"], entry(2));
  EXPECT_EQ(report["batches"]["1"]["regret"], 1.2);
  EXPECT_EQ(report["batches"]["1"]["problems"][0],
            json({{"latency_us", 60.0}, {"best_us", 50.0}, {"default_us", 100.0}, {"regret", 1.2}}));
  EXPECT_EQ(report["batches"]["1"]["problems"][1]["regret"], 1.0);
  EXPECT_EQ(report["batches"]["16"]["default"], true);
  EXPECT_EQ(report["batches"]["16"]["problems"][0]["regret"], 2.0);
  EXPECT_EQ(report["missing"], json::parse(R"([{"batch": 64, "problems": [1]}, {"batch": 128, "problems": [0]}])"));
}

TEST_F(ExportAnswerTest, ProblemsWithoutACommonBatchAreNotMerged) {
  record(sweep_with_default({1}), ok_trial(1, 0, 50));
  record(sweep_with_default({2}), of_model(ok_trial(2, 0, 50), 4096));
  const auto refused = exported(true);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::conflict);
  EXPECT_EQ(refused.error().detail["groups"].size(), 2U);
}

TEST_F(ExportAnswerTest, ProblemsWithDifferentDefaultsShareWhatSuitsThemAllOrNothing) {
  const auto first = sweep_with_default();
  const auto second = new_sweep();
  write([&](db::Transaction& transaction) {
    return db::set_sweep_default(transaction, second, 1, example_config(3), "vllm 0.11");
  });
  for (int config : {0, 1, 3}) {
    record(first, ok_trial(1, config, config == 0 ? 50 : config == 1 ? 60 : 70));
    record(second, of_model(ok_trial(1, config, config == 3 ? 50 : 60), 4096));
  }
  const auto refused = exported(true);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message,
            "batch 1: the problems that share the file have different defaults and no configuration suits them all");
  record(first, ok_trial(1, 2, 45));
  record(second, of_model(ok_trial(1, 2, 40), 4096));
  EXPECT_EQ(file(true)["1"], entry(2));
}

TEST_F(ExportAnswerTest, ModelsWhoseFilesHaveDifferentNamesAreNotMerged) {
  record(sweep_with_default(), ok_trial(1, 0, 50));
  Trial other = ok_trial(1, 0, 50);
  other.group.problem.intermediate_size = 1024;
  record(sweep_with_default(), other);
  const auto refused = exported(true);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::conflict);
}

}  // namespace
}  // namespace moetune::daemon
