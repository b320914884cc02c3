// `moetune compare` with the real daemon, on the recorded H200.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <future>

#include "kernels/recording.hpp"
#include "schema/engine_file.hpp"
#include "schema/engine_rules.hpp"
#include "tests/e2e/running_daemon.hpp"

namespace moetune::e2e {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using schema::TileConfig;
using ::testing::HasSubstr;

using Rows = std::vector<std::pair<std::int64_t, TileConfig>>;

schema::Problem recorded_problem() {
  schema::Problem problem;
  problem.num_experts = 256;
  problem.intermediate_size = 512;
  problem.hidden_size = 2048;
  problem.topk = 8;
  problem.dtype = schema::Dtype::fp8_w8a8;
  problem.block_shape = schema::BlockShape{128, 128};
  return problem;
}

constexpr const char* k_name = "E=256,N=512,device_name=NVIDIA_H200,dtype=fp8_w8a8,block_shape=[128,128].json";
const std::vector<std::int64_t> k_batches = {1, 8, 64, 96, 256, 1024};

class CompareTest : public testing::Test {
 protected:
  static const kernels::Recording& recording() {
    static const kernels::Recording loaded = [] {
      kernels::RecordingQuery query;
      query.problem = recorded_problem();
      query.batches = k_batches;
      return kernels::Recording::load(MOETUNE_RECORDING, query).value();
    }();
    return loaded;
  }

  static double us_of(std::int64_t batch, const TileConfig& config) {
    return schema::median(recording().rows.at({batch, config}).samples_us);
  }
  static TileConfig default_of(std::int64_t batch) {
    return schema::effective_config(recorded_problem(), schema::default_config(recorded_problem(), batch));
  }
  /// The recorded configuration of a batch that comes first by `order` (microseconds), among those that ran.
  template <typename Order>
  static TileConfig first_by(std::int64_t batch, Order order) {
    std::optional<TileConfig> first;
    for (const auto& [key, row] : recording().rows) {
      if (key.batch != batch || row.status != schema::TrialStatus::ok) continue;
      if (!first || order(us_of(batch, key.config), us_of(batch, *first))) first = key.config;
    }
    return *first;
  }
  static TileConfig refused_one() {
    for (const auto& [key, row] : recording().rows) {
      if (row.status == schema::TrialStatus::out_of_resources) return key.config;
    }
    throw std::runtime_error("the recording has no refused row");
  }
  std::string put(const std::string& folder, const Rows& rows) const {
    const fs::path path = folder_.path() / folder / k_name;
    fs::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << schema::engine_file_bytes(schema::EngineFormat::vllm, rows, std::nullopt);
    return path.string();
  }
  RunningDaemon::Options options(const std::string& name = "data") const {
    return {.data_dir = folder_.path() / name, .cache_dir = folder_.path() / "cache"};
  }
  Finished compare(std::vector<std::string> words, const std::string& name = "data") const {
    words.insert(words.begin(), {executable("moetune"), "--data-dir", (folder_.path() / name).string(), "compare"});
    words.insert(words.end(), {"--hidden-size", "2048", "--topk", "8", "--recording", MOETUNE_RECORDING});
    return run_program(words);
  }
  static std::string listed(const std::vector<std::int64_t>& batches) {
    std::string text;
    for (const auto batch : batches) text += (text.empty() ? "" : ",") + std::to_string(batch);
    return text;
  }

  TempFolder folder_;
};

TEST_F(CompareTest, AFileOfTheBestRowsIsBetterThanTheDefault) {
  Rows rows;
  for (const auto batch : k_batches) rows.emplace_back(batch, first_by(batch, std::less<>()));
  const RunningDaemon daemon(options());
  const Finished ended = compare({put("best", rows), "--batch", listed(k_batches), "--json"});
  ASSERT_EQ(ended.status, 0) << ended.out << ended.err;
  const json file = json::parse(ended.out)["files"][0];
  EXPECT_EQ(file["good"], true);
  ASSERT_EQ(file["batches"].size(), k_batches.size());
  std::size_t faster = 0;
  for (const json& batch : file["batches"]) {
    const std::int64_t number = batch["batch"];
    const double speedup = us_of(number, default_of(number)) / us_of(number, first_by(number, std::less<>()));
    EXPECT_EQ(batch["key"], number);
    EXPECT_NEAR(batch["versus_default"]["speedup"].get<double>(), speedup, 0.01) << batch;
    // Where the recorded medians are far apart there is no doubt.
    if (speedup > 1.03) {
      EXPECT_EQ(batch["versus_default"]["standing"], "faster") << batch;
      ++faster;
    }
  }
  EXPECT_GE(faster, 3U);
  EXPECT_EQ(file["versus_default"]["slower"], 0);
}

TEST_F(CompareTest, SlowAndRefusedRowsAreNamed) {
  const Rows rows = {{1, first_by(1, std::greater<>())}, {64, refused_one()}, {1024, default_of(1024)}};
  const RunningDaemon daemon(options());
  const std::string path = put("bad", rows);
  const Finished ended = compare({path, "--batch", listed(k_batches), "--json"});
  EXPECT_EQ(ended.status, 1) << ended.err;
  const json file = json::parse(ended.out)["files"][0];
  EXPECT_EQ(file["good"], false);
  EXPECT_EQ(file["versus_default"]["slower_at"], json({1, 8}));  // of key 1
  EXPECT_EQ(file["refused_at"], json({64, 96, 256}));            // of key 64
  EXPECT_EQ(file["batches"][5]["versus_default"]["standing"], "identical");
  const Finished shown = run_program(
      {executable("moetune"), "--data-dir", (folder_.path() / "data").string(), "compare", path, "--sweep", "1"});
  EXPECT_EQ(shown.status, 1) << shown.err;
  EXPECT_THAT(shown.out, HasSubstr("the engine fails at 64, 96, 256 (out_of_resources)"));
}

TEST_F(CompareTest, BeforeAndAfterAreMeasuredTogetherAndAgainstTheBestKnown) {
  const RunningDaemon daemon(options());
  const std::string before = put("before", {{96, default_of(96)}});
  const std::string after = put("after", {{96, first_by(96, std::less<>())}});
  ASSERT_EQ(compare({after, "--batch", "96"}).status, 0);  // from now on the database knows the best
  const Finished ended = compare({before, after, "--batch", "96", "--json"});
  ASSERT_EQ(ended.status, 0) << ended.err;
  const json files = json::parse(ended.out)["files"];
  ASSERT_EQ(files.size(), 2U);
  EXPECT_EQ(files[0]["batches"][0]["versus_default"]["standing"], "identical");
  EXPECT_EQ(files[0]["batches"][0]["versus_best"]["standing"], "slower");
  EXPECT_EQ(files[1]["batches"][0]["versus_best"]["standing"], "identical");
  EXPECT_EQ(files[1]["batches"][0]["versus_first"]["standing"], "faster");
}

TEST_F(CompareTest, BatchesThatTheRecordingLacksAreSaidToBeUnmeasured) {
  const RunningDaemon daemon(options());
  const Finished ended = compare({put("sparse", {{64, default_of(64)}, {256, default_of(256)}}), "--max-batch", "256"});
  EXPECT_EQ(ended.status, 0) << ended.err;
  EXPECT_THAT(ended.out, HasSubstr("not measured: 160"));
}

TEST_F(CompareTest, AKilledDaemonChangesNoVerdict) {
  Rows rows;
  for (const auto batch : k_batches) rows.emplace_back(batch, first_by(batch, std::less<>()));
  const std::string path = put("best", rows);
  json undisturbed;
  {
    const RunningDaemon daemon(options("other"));
    const Finished ended = compare({path, "--json", "--compile", "--batch", listed(k_batches)}, "other");
    ASSERT_EQ(ended.status, 0) << ended.err;
    undisturbed = json::parse(ended.out)["files"];
  }
  auto daemon = std::make_unique<RunningDaemon>(options());
  auto ended = std::async(std::launch::async,
                          [&] { return compare({path, "--json", "--compile", "--batch", listed(k_batches)}); });
  while (daemon->get("/sweeps/1").status != 200 &&
         ended.wait_for(std::chrono::milliseconds(5)) != std::future_status::ready) {
  }
  daemon->wait_for_trials(1, 3);
  daemon->kill();
  daemon = std::make_unique<RunningDaemon>(options());
  const Finished end = ended.get();
  ASSERT_EQ(end.status, 0) << end.err << daemon->log();
  EXPECT_EQ(json::parse(end.out)["files"], undisturbed);
}

}  // namespace
}  // namespace moetune::e2e
