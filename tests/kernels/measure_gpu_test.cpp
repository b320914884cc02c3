#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <iostream>
#include <memory>

#include "kernels/probe.hpp"
#include "schema/trial.hpp"
#include "tests/kernels/artifact_maker.hpp"
#include "tests/kernels/sample_trial.hpp"
#include "tests/kernels/temp_file.hpp"
#include "tests/kernels/worker_session.hpp"

namespace moetune::kernels {
namespace {

using schema::TrialStatus;
using ::testing::AllOf;
using testing::ArtifactMaker;
using ::testing::Each;
using ::testing::Gt;
using ::testing::HasSubstr;
using testing::sample_problem;
using ::testing::SizeIs;
using testing::TempFolder;
using testing::WorkerSession;

schema::Problem bf16_problem() {
  schema::Problem problem;
  problem.num_experts = 16;
  problem.intermediate_size = 256;
  problem.hidden_size = 512;
  problem.topk = 4;
  return problem;
}

schema::TileConfig tile(int block_size_m, int block_size_n, int block_size_k, int group = 1) {
  return {.block_size_m = block_size_m,
          .block_size_n = block_size_n,
          .block_size_k = block_size_k,
          .group_size_m = group,
          .num_warps = 4,
          .num_stages = 3};
}

/// The real worker on the real GPU.
class MeasureGpuTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    facts_ = probe();
    if (facts_.gpus.empty()) return;
    folder_ = std::make_unique<TempFolder>();
    auto maker = ArtifactMaker::create(folder_->path(), facts_.gpus[0].compile_arch);
    if (!maker) return;
    maker_ = std::make_unique<ArtifactMaker>(std::move(*maker));
    step_ = maker_->step().value();
  }
  static void TearDownTestSuite() {
    maker_.reset();
    folder_.reset();
  }
  void SetUp() override {
    if (!maker_) GTEST_SKIP() << "no GPU to measure on: " << to_json(facts_).at("lacks").dump();
    request_.problem = bf16_problem();
    request_.batches = {1, 64};
    request_.step_artifact = step_;
  }

  std::unique_ptr<WorkerSession> start(const std::vector<std::string>& arguments = {}) {
    // Beside this test, as scripts/gpu/pack.sh lays them out: the folder of the build is another machine's.
    const auto folder = std::filesystem::read_symlink("/proc/self/exe").parent_path();
    std::vector<std::string> argv = {folder / "moetune-measure-worker"};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    auto worker = std::make_unique<WorkerSession>(argv);
    EXPECT_TRUE(worker->receive());
    ready_ = worker->open(request_);
    return worker;
  }
  MeasureJob job(std::int64_t batch, const schema::TileConfig& config, const std::vector<std::string>& defines = {}) {
    MeasureJob job;
    job.id = next_id_++;
    job.batch = batch;
    job.config = config;
    auto path = maker_->gemm(request_.problem, config, defines);
    if (!path) ADD_FAILURE() << path.error().message;
    job.gemm_1 = job.gemm_2 = path.value_or("");
    return job;
  }
  /// GEMM 1 with one tile, GEMM 2 with another of the same BLOCK_SIZE_M.
  MeasureJob pair(std::int64_t batch, const schema::TileConfig& up, const schema::TileConfig& down) {
    MeasureJob made = job(batch, up);
    made.config = paired(up, down);
    made.gemm_2 = job(batch, down).gemm_2;
    return made;
  }
  MeasureJob impostor(const std::string& name, const std::string& body) {
    MeasureJob made;
    made.id = next_id_++;
    made.batch = 64;
    made.config = tile(16, 64, 64);
    auto path = maker_->impostor(name, "extern \"C\" __global__ void moe_gemm() {" + body + "}");
    if (!path) ADD_FAILURE() << path.error().message;
    made.gemm_1 = made.gemm_2 = path.value_or("");
    return made;
  }

  // NOLINTBEGIN(readability-identifier-naming): members of the suite, shared by its tests
  static inline DeviceFacts facts_;
  static inline std::unique_ptr<TempFolder> folder_;
  static inline std::unique_ptr<ArtifactMaker> maker_;
  static inline std::string step_;
  // NOLINTEND(readability-identifier-naming)
  OpenProblem request_;
  MeasureReady ready_;
  std::int64_t next_id_ = 1;
};

TEST_F(MeasureGpuTest, UnderSkewedRoutingOutputsAreRightAndPassesCold) {
  for (const auto& [routing, l2] : {std::pair{"zipf:2", schema::L2::cold},
                                    {"zipf:0.5", schema::L2::warm},
                                    {"counts:0123456789abcdef", schema::L2::cold}}) {
    request_.routing = routing;
    request_.l2 = l2;
    request_.expert_counts = schema::ExpertCounts{{{90, 1, 0, 0, 0, 0, 7, 3, 0, 0, 0, 0, 0, 0, 0, 1}}};
    auto worker = start();
    ASSERT_FALSE(ready_.error) << ready_.error->message;
    for (const std::int64_t batch : {1, 64}) {
      for (const int block_size_m : {16, 64, 128}) {
        const auto reply = worker->measure(job(batch, tile(block_size_m, 64, 64)));
        EXPECT_EQ(reply.status, TrialStatus::ok) << routing << " " << batch << ": " << reply.log_tail;
        EXPECT_THAT(reply.samples_us, Each(Gt(0.0)));
      }
    }
  }
}

TEST_F(MeasureGpuTest, MeasuresAndChecksBothKindsOfProblem) {
  for (const auto& problem : {bf16_problem(), sample_problem()}) {
    request_.problem = problem;
    auto worker = start();
    ASSERT_FALSE(ready_.error) << ready_.error->message;
    for (const std::int64_t batch : {1, 64}) {
      for (const auto& config : {tile(16, 64, 64), tile(64, 128, 64, 16)}) {
        const auto reply = worker->measure(job(batch, config));
        EXPECT_EQ(reply.status, TrialStatus::ok) << short_text(config) << ": " << reply.log_tail;
        EXPECT_THAT(reply.samples_us, AllOf(SizeIs(3), Each(Gt(0.5))));
        EXPECT_THAT(reply.stages_us, SizeIs(problem.block_shape ? 4 : 3));
        EXPECT_EQ(reply.sm_clock_mhz.has_value(), facts_.has_nvml);
      }
    }
  }
}

TEST_F(MeasureGpuTest, BothGemmsOfAPairAreRight) {
  for (const auto& problem : {bf16_problem(), sample_problem()}) {
    request_.problem = problem;
    auto worker = start();
    ASSERT_FALSE(ready_.error) << ready_.error->message;
    for (const std::int64_t batch : {1, 64}) {
      for (auto made : {pair(batch, tile(16, 64, 64), tile(16, 128, 32, 8)),
                        pair(batch, tile(64, 128, 64, 16), tile(64, 32, 128))}) {
        for (const bool apart : {false, true}) {
          made.apart = apart;
          const auto reply = worker->measure(made);
          EXPECT_EQ(reply.status, TrialStatus::ok) << short_text(made.config) << ": " << reply.log_tail;
        }
      }
      // A file of GEMM 1's tile for GEMM 2 is noticed, by its constants or by what it computes.
      auto wrong = pair(batch, tile(16, 64, 64), tile(16, 128, 64));
      wrong.gemm_2 = wrong.gemm_1;
      EXPECT_NE(worker->measure(wrong).status, TrialStatus::ok);
    }
  }
}

TEST_F(MeasureGpuTest, GemmsTakeApartWhatTheyTakeTogether) {
  request_.problem = sample_problem();
  request_.batches = {16, 512};
  auto worker = start();
  ASSERT_FALSE(ready_.error) << ready_.error->message;
  for (const auto& [batch, config] : {std::pair(16, tile(16, 128, 128)), std::pair(512, tile(64, 128, 128, 16))}) {
    auto candidate = job(batch, config);
    const double together = schema::median(worker->measure(candidate).samples_us);
    candidate.apart = true;
    const auto reply = worker->measure(candidate);
    ASSERT_EQ(reply.status, TrialStatus::ok) << reply.log_tail;
    const double apart = schema::median(reply.samples_us);
    const double gemm_1 = reply.stages_us.at("gemm_1");
    const double gemm_2 = reply.stages_us.at("gemm_2");
    std::cout << "M = " << batch << ", together " << together << " us, apart " << gemm_1 << " + " << gemm_2 << " us\n";
    EXPECT_NEAR(apart / together, 1, 0.1) << batch;
    EXPECT_NEAR((gemm_1 + gemm_2) / apart, 1, 0.02) << batch;
  }
}

TEST_F(MeasureGpuTest, TheSameCandidateTakesTheSameTimeAgain) {
  request_.problem = sample_problem();
  auto worker = start();
  ASSERT_FALSE(ready_.error) << ready_.error->message;
  for (const std::int64_t batch : {1, 64}) {
    const auto candidate = job(batch, tile(16, 128, 128));
    const double first = schema::median(worker->measure(candidate).samples_us);
    const double second = schema::median(worker->measure(candidate).samples_us);
    EXPECT_NEAR(second / first, 1, 0.02) << batch;
  }
}

TEST_F(MeasureGpuTest, AQuickMeasurementOfALightBatchSaysTheSame) {
  request_.problem = sample_problem();
  auto worker = start();
  ASSERT_FALSE(ready_.error) << ready_.error->message;
  auto candidate = job(64, tile(16, 128, 128));
  const double thorough = schema::median(worker->measure(candidate).samples_us);
  candidate.quick = true;
  const auto quick = worker->measure(candidate);
  EXPECT_THAT(quick.samples_us, SizeIs(3));
  EXPECT_EQ(quick.log_tail, "");
  EXPECT_NEAR(schema::median(quick.samples_us) / thorough, 1, 0.05);
}

TEST_F(MeasureGpuTest, PlantedFaultsAreWrongResults) {
  request_.problem = sample_problem();
  auto worker = start();
  ASSERT_FALSE(ready_.error) << ready_.error->message;
  for (const char* fault : {"-DMOETUNE_FAULT_DROP_LAST_TILE", "-DMOETUNE_FAULT_WRONG_SCALE"}) {
    const auto reply = worker->measure(job(64, tile(16, 64, 64), {fault}));
    EXPECT_EQ(reply.status, TrialStatus::wrong_result) << fault;
    EXPECT_THAT(reply.log_tail, HasSubstr("relative errors"));
  }
  EXPECT_EQ(worker->measure(impostor("nothing", "")).status, TrialStatus::wrong_result);
  EXPECT_EQ(worker->measure(job(64, tile(16, 64, 64))).status, TrialStatus::ok);
}

TEST_F(MeasureGpuTest, AnIllegalAddressEndsTheWorkerAndNothingElse) {
  auto worker = start();
  ASSERT_FALSE(ready_.error) << ready_.error->message;
  const auto reply = worker->measure(impostor("illegal", "*reinterpret_cast<volatile int*>(64) = 1;"));
  EXPECT_EQ(reply.status, TrialStatus::launch_error);
  EXPECT_TRUE(reply.context_lost);
  EXPECT_THAT(reply.log_tail, HasSubstr("CUDA_ERROR_ILLEGAL_ADDRESS"));
  EXPECT_EQ(worker->wait(), 3);
  worker = start();
  EXPECT_EQ(worker->measure(job(64, tile(16, 64, 64))).status, TrialStatus::ok);
}

TEST_F(MeasureGpuTest, AnEndlessKernelIsATimeoutAndTheGpuIsFreeAfterwards) {
  auto worker = start({"--time-limit-ms", "300"});
  ASSERT_FALSE(ready_.error) << ready_.error->message;
  const auto reply = worker->measure(impostor("endless", "for (volatile int i = 0;; i = i + 1) {}"));
  EXPECT_EQ(reply.status, TrialStatus::measure_timeout);
  EXPECT_TRUE(reply.context_lost);
  EXPECT_EQ(worker->wait(), 3);
  worker = start();
  ASSERT_FALSE(ready_.error) << ready_.error->message;
  EXPECT_EQ(worker->measure(job(64, tile(16, 64, 64))).status, TrialStatus::ok);
}

TEST_F(MeasureGpuTest, ATileThatCannotFitIsNotLaunched) {
  auto worker = start();
  MeasureJob large = job(64, tile(16, 64, 64));
  large.config = {.block_size_m = 256,
                  .block_size_n = 256,
                  .block_size_k = 256,
                  .group_size_m = 1,
                  .num_warps = 8,
                  .num_stages = 5};
  EXPECT_EQ(worker->measure(large).status, TrialStatus::out_of_resources);
}

TEST_F(MeasureGpuTest, AProblemLargerThanTheMemoryIsRefused) {
  request_.problem.num_experts = 4096;
  request_.problem.intermediate_size = 32768;
  request_.problem.hidden_size = 16384;
  start();
  ASSERT_TRUE(ready_.error);
  EXPECT_EQ(ready_.error->code, schema::ErrorCode::too_large);
  EXPECT_THAT(ready_.error->message, AllOf(HasSubstr("GiB of device memory"), HasSubstr("are free")));
}

TEST_F(MeasureGpuTest, AWarmCacheIsFasterThanAColdOne) {
  request_.problem = sample_problem();
  request_.batches = {1};
  double us[2];
  for (const auto l2 : {schema::L2::cold, schema::L2::warm}) {
    request_.l2 = l2;
    auto worker = start();
    ASSERT_FALSE(ready_.error) << ready_.error->message;
    us[l2 == schema::L2::warm ? 1 : 0] = schema::median(worker->measure(job(1, tile(16, 128, 128))).samples_us);
  }
  std::cout << "M = 1, cold " << us[0] << " us, warm " << us[1] << " us\n";
  // Eight experts of this problem take 25 MB.
  if (facts_.gpus[0].l2_bytes < 40LL << 20) GTEST_SKIP() << "this GPU's L2 is too small to tell";
  EXPECT_LT(us[1], us[0]);
}

}  // namespace
}  // namespace moetune::kernels
