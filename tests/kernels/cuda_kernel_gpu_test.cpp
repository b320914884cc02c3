#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "kernels/cuda_kernel.hpp"
#include "schema/tile_config.hpp"
#include "tests/kernels/gpu_test.hpp"
#include "tests/kernels/moe_workbench.hpp"
#include "tests/kernels/reference_step.hpp"

namespace moetune::kernels {
namespace {

constexpr double k_tolerance = 5e-3;

schema::Problem bf16_problem() {
  // Neither 2N = 272 and H = 208 columns nor K = 208 and 136 divide by the tiles.
  return {.num_experts = 8, .intermediate_size = 136, .hidden_size = 208, .topk = 3, .block_shape = std::nullopt};
}
schema::Problem fp8_problem() {
  return {.num_experts = 8,
          .intermediate_size = 144,
          .hidden_size = 336,
          .topk = 3,
          .dtype = schema::Dtype::fp8_w8a8,
          .block_shape = schema::BlockShape{128, 128}};
}

/// Tiles that take every path of the kernel on every architecture.
std::vector<schema::TileConfig> sample_tiles() {
  return {
      {16, 128, 128, 1, 4, 3},  {16, 32, 64, 16, 4, 2},   {16, 64, 128, 1, 8, 4},  {32, 128, 64, 1, 8, 3},
      {32, 256, 128, 1, 4, 2},  {64, 128, 128, 16, 4, 3}, {64, 32, 64, 1, 8, 5},   {128, 128, 64, 1, 4, 3},
      {128, 64, 128, 32, 8, 2}, {256, 64, 64, 64, 8, 3},  {256, 128, 64, 1, 4, 2}, {128, 256, 64, 1, 4, 2},
  };
}

class CudaKernelGpuTest : public GpuTest {
 protected:
  struct Case {
    schema::TileConfig config;
    std::vector<std::string> defines;
  };

  /// A workbench with routed tokens and the two expected results, all from one read of the device's inputs.
  struct Prepared {
    MoeWorkbench bench;
    std::map<Gemm, std::vector<double>> expected;
  };

  static Operand operand_of(const schema::Problem& problem) {
    if (problem.block_shape) return Operand::fp8_e4m3;
    return problem.act_dtype == schema::ActDtype::float16 ? Operand::float16 : Operand::bfloat16;
  }
  static Operand output_of(const schema::Problem& problem) {
    return problem.act_dtype == schema::ActDtype::float16 ? Operand::float16 : Operand::bfloat16;
  }

  static reference::Operands operands(const MoeWorkbench& bench, Gemm gemm) {
    const auto& problem = bench.problem();
    const auto shape = gemm_shape(problem, bench.batch(), gemm);
    const auto pointers = bench.pointers(gemm, 0, 0);
    const auto type = operand_of(problem);
    const int size = bytes_of(type);
    reference::Operands result;
    result.a = reference::decode(bench.bytes(pointers.a, shape.a_rows * shape.k * size), type);
    result.w = reference::decode(bench.bytes(pointers.w, problem.num_experts * shape.n * shape.k * size), type);
    if (problem.block_shape) {
      const auto scale_k = (shape.k + problem.block_shape->k - 1) / problem.block_shape->k;
      const auto scale_n = (shape.n + problem.block_shape->n - 1) / problem.block_shape->n;
      result.a_scale = reference::decode_floats(bench.bytes(pointers.a_scale, shape.a_rows * scale_k * 4));
      result.w_scale =
          reference::decode_floats(bench.bytes(pointers.w_scale, problem.num_experts * scale_n * scale_k * 4));
    }
    const auto pairs = bench.batch() * problem.topk;
    result.topk_weights = reference::decode_floats(bench.bytes(bench.topk_weights(0), pairs * 4));
    result.topk_ids = reference::decode_ints(bench.bytes(bench.topk_ids(0), pairs * 4));
    return result;
  }

  static Prepared prepare(const schema::Problem& problem, std::int64_t batch,
                          const std::vector<std::int32_t>* topk_ids = nullptr) {
    Prepared prepared{MoeWorkbench(context(), nvrtc(), {.problem = problem, .max_batch = batch, .seed = 11}), {}};
    prepared.bench.route(batch, topk_ids);
    prepared.bench.align(16);
    for (const auto gemm : {Gemm::first, Gemm::second}) {
      prepared.expected[gemm] = reference::gemm(problem, batch, gemm, operands(prepared.bench, gemm));
    }
    return prepared;
  }

  static std::vector<double> result(const MoeWorkbench& bench, Gemm gemm) {
    const auto shape = gemm_shape(bench.problem(), bench.batch(), gemm);
    const auto elements = bench.batch() * bench.problem().topk * shape.n;
    return reference::decode(bench.bytes(bench.pointers(gemm, 0, 0).c, elements * 2), output_of(bench.problem()));
  }

  struct Compiled {
    Case from;
    Variant variant;
    CompileOutcome outcome;
  };
  static std::vector<Compiled> compile(const schema::Problem& problem, const std::vector<Case>& cases) {
    std::vector<Compiled> compiled;
    std::vector<CompileRequest> requests;
    for (const auto& one : cases) {
      const auto variant = must(make_variant(problem, one.config, arch()));
      if (!fits(variant, context().device().shared_optin_bytes)) continue;
      requests.push_back(compile_request(variant, one.defines));
      compiled.push_back({one, variant, {}});
    }
    auto outcomes = compile_all(nvrtc(), requests, static_cast<int>(std::thread::hardware_concurrency()));
    for (std::size_t i = 0; i < compiled.size(); ++i) compiled[i].outcome = std::move(outcomes[i]);
    return compiled;
  }

  /// The larger error of the two GEMMs.
  static double worst_error(Prepared& prepared, const LoadedTile& tile, const schema::TileConfig& config) {
    auto& bench = prepared.bench;
    bench.align(config.block_size_m);
    double worst = 0;
    for (const auto gemm : {Gemm::first, Gemm::second}) {
      bench.poison();
      bench.gemm(tile, config, gemm, 0, 0);
      const double error = reference::relative_error(result(bench, gemm), prepared.expected[gemm]);
      if (!(error <= worst)) worst = error;
    }
    return worst;
  }

  static void expect_right(const schema::Problem& problem, std::int64_t batch, const std::vector<Case>& cases,
                           const std::vector<int>& groups = {1}, const std::vector<std::int32_t>* topk_ids = nullptr) {
    auto prepared = prepare(problem, batch, topk_ids);
    int checked = 0;
    double worst = 0;
    for (const auto& one : compile(problem, cases)) {
      ASSERT_EQ(one.outcome.status, CompileStatus::ok) << canonical_text(one.variant) << "\n" << one.outcome.log;
      const auto tile = prepared.bench.load(one.variant, one.outcome.cubin);
      for (int group : groups) {
        auto config = one.from.config;
        config.group_size_m = group;
        const double error = worst_error(prepared, tile, config);
        // Not a number fails too.
        EXPECT_TRUE(error <= k_tolerance)
            << error << " for " << canonical_text(one.variant) << " GROUP_SIZE_M " << group << " batch " << batch << " "
            << testing::PrintToString(one.from.defines);
        worst = std::max(worst, error);
        ++checked;
      }
    }
    EXPECT_GT(checked, 0);
    RecordProperty("launch_pairs_checked", checked);
    RecordProperty("largest_error", std::to_string(worst));
  }

  static std::vector<Case> cases_of(const std::vector<schema::TileConfig>& configs,
                                    const std::vector<std::string>& defines = {}) {
    std::vector<Case> cases;
    for (const auto& config : configs) cases.push_back({config, defines});
    return cases;
  }
};

TEST_F(CudaKernelGpuTest, EveryBf16TileOfTheSpaceIsRight) {
  expect_right(bf16_problem(), 33, cases_of(vllm_tiles(bf16_problem())), {1, 16, 32, 64});
}

TEST_F(CudaKernelGpuTest, EveryFp8TileOfTheSpaceIsRight) {
  expect_right(fp8_problem(), 33, cases_of(vllm_tiles(fp8_problem())), {1, 16, 32, 64});
}

TEST_F(CudaKernelGpuTest, EveryPathIsRightInFp16) {
  auto problem = bf16_problem();
  problem.act_dtype = schema::ActDtype::float16;
  expect_right(problem, 33, cases_of(sample_tiles()));
  auto quantised = fp8_problem();
  quantised.act_dtype = schema::ActDtype::float16;
  expect_right(quantised, 33, cases_of(sample_tiles()));
}

TEST_F(CudaKernelGpuTest, PathsOfOtherArchitecturesAreRight) {
  // What sm_80 to sm_121 run, as far as this device can execute it.
  expect_right(bf16_problem(), 33, cases_of(sample_tiles(), {"-DMOETUNE_NO_WGMMA"}));
  expect_right(fp8_problem(), 33, cases_of(sample_tiles(), {"-DMOETUNE_NO_WGMMA"}));
  expect_right(fp8_problem(), 33, cases_of(sample_tiles(), {"-DMOETUNE_NO_WGMMA", "-DMOETUNE_NATIVE_E4M3"}));
}

TEST_F(CudaKernelGpuTest, BatchesThatDoNotDivideAreRight) {
  for (const std::int64_t batch : {1, 2, 5, 16, 77}) {
    expect_right(bf16_problem(), batch, cases_of(sample_tiles()));
    expect_right(fp8_problem(), batch, cases_of(sample_tiles()));
  }
}

TEST_F(CudaKernelGpuTest, SmallBatchesWithoutAlignmentAreRight) {
  for (const std::int64_t batch : {1, 2}) {
    auto bf16 = bf16_problem();
    bf16.num_experts = 32;
    ASSERT_TRUE(alignment_shape(bf16, batch, 16).naive);
    expect_right(bf16, batch, cases_of(sample_tiles()));
    auto fp8 = fp8_problem();
    fp8.num_experts = 32;
    expect_right(fp8, batch, cases_of(sample_tiles()));
  }
}

TEST_F(CudaKernelGpuTest, ExpertsWithoutTokensAreRight) {
  const std::int64_t batch = 40;
  std::vector<std::int32_t> ids;
  for (std::int64_t token = 0; token < batch; ++token) {
    for (std::int32_t expert : {1, 4, 7}) ids.push_back(expert);
  }
  expect_right(bf16_problem(), batch, cases_of(sample_tiles()), {1, 16}, &ids);
  expect_right(fp8_problem(), batch, cases_of(sample_tiles()), {1, 16}, &ids);
}

TEST_F(CudaKernelGpuTest, OtherShapesAreRight) {
  // Small and large block_shape, one expert per token, not gated, K shorter than a tile.
  for (const auto& [block, n, hidden] : {std::tuple{schema::BlockShape{64, 64}, 96, 160},
                                         {schema::BlockShape{32, 128}, 160, 272},
                                         {schema::BlockShape{128, 256}, 128, 512},
                                         {schema::BlockShape{128, 128}, 32, 48}}) {
    auto problem = fp8_problem();
    problem.block_shape = block;
    problem.intermediate_size = n;
    problem.hidden_size = hidden;
    expect_right(problem, 19, cases_of(sample_tiles()));
  }
  auto problem = bf16_problem();
  problem.topk = 1;
  problem.gated = false;
  expect_right(problem, 50, cases_of(sample_tiles()));
  problem.intermediate_size = 24;
  problem.hidden_size = 40;
  expect_right(problem, 50, cases_of(sample_tiles()));
}

TEST_F(CudaKernelGpuTest, TilesOutsideTheSpaceAreRight) {
  const std::vector<schema::TileConfig> tiles{
      {16, 16, 32, 1, 1, 1},  {16, 16, 32, 1, 2, 2},   {16, 128, 128, 1, 4, 1},  {64, 64, 32, 1, 1, 3},
      {64, 128, 64, 1, 2, 1}, {64, 128, 64, 1, 4, 1},  {128, 128, 64, 1, 16, 3}, {256, 128, 32, 1, 16, 2},
      {32, 16, 64, 1, 16, 2}, {16, 256, 64, 1, 16, 7},
  };
  expect_right(bf16_problem(), 33, cases_of(tiles));
  expect_right(fp8_problem(), 33, cases_of(tiles));
}

TEST_F(CudaKernelGpuTest, PlantedFaultsFailTheCheck) {
  auto problem = fp8_problem();
  problem.hidden_size = 512;
  problem.intermediate_size = 256;
  auto prepared = prepare(problem, 33);
  const auto tiles = sample_tiles();
  for (const char* fault : {"-DMOETUNE_FAULT_DROP_LAST_TILE", "-DMOETUNE_FAULT_WRONG_SCALE"}) {
    for (const auto& one : compile(problem, cases_of(tiles, {fault}))) {
      ASSERT_EQ(one.outcome.status, CompileStatus::ok) << one.outcome.log;
      const auto tile = prepared.bench.load(one.variant, one.outcome.cubin);
      EXPECT_GT(worst_error(prepared, tile, one.from.config), 4 * k_tolerance)
          << fault << " goes unnoticed in " << canonical_text(one.variant);
    }
  }
}

TEST_F(CudaKernelGpuTest, TheWholeStepIsRightStageByStage) {
  for (const auto& problem : {bf16_problem(), fp8_problem()}) {
    const std::int64_t batch = 29;
    auto prepared = prepare(problem, batch);
    auto& bench = prepared.bench;
    const schema::TileConfig config{16, 128, 64, 16, 4, 3};
    const auto compiled = compile(problem, cases_of({config}));
    const auto tile = bench.load(compiled.at(0).variant, compiled.at(0).outcome.cubin);
    bench.align(config.block_size_m);
    bench.gemm(tile, config, Gemm::first, 0, 0);
    bench.connect();
    bench.gemm(tile, config, Gemm::second, 0, 0);
    bench.reduce();

    const auto first = result(bench, Gemm::first);
    EXPECT_LE(reference::relative_error(first, prepared.expected[Gemm::first]), k_tolerance);
    const auto given = operands(bench, Gemm::second);
    auto dequantised = given.a;
    const auto k = static_cast<std::size_t>(problem.intermediate_size);
    for (std::size_t i = 0; problem.block_shape && i < dequantised.size(); ++i) {
      dequantised[i] *= given.a_scale[i / k * ((k + 127) / 128) + i % k / 128];
    }
    // e4m3 keeps 3 bits of mantissa: an error of 2.6 % on average.
    EXPECT_LE(reference::relative_error(dequantised, reference::activate(problem, first)),
              problem.block_shape ? 0.035 : k_tolerance);
    const auto second = result(bench, Gemm::second);
    EXPECT_LE(reference::relative_error(second, reference::gemm(problem, batch, Gemm::second, given)), k_tolerance);
    const auto reduced = reference::reduce(second, problem.topk, problem.hidden_size);
    const auto output =
        reference::decode(bench.bytes(bench.output(), batch * problem.hidden_size * 2), output_of(problem));
    EXPECT_LE(reference::relative_error(output, reduced), k_tolerance);
  }
}

TEST_F(CudaKernelGpuTest, TheReferenceOfTheDeviceAgreesWithTheCpu) {
  for (const auto& problem : {bf16_problem(), fp8_problem()}) {
    auto prepared = prepare(problem, 33);
    auto& bench = prepared.bench;
    const schema::TileConfig config{64, 64, 64, 1, 4, 3};
    const auto compiled = compile(problem, cases_of({config}));
    const auto tile = bench.load(compiled.at(0).variant, compiled.at(0).outcome.cubin);
    bench.align(64);
    for (const auto gemm : {Gemm::first, Gemm::second}) {
      bench.poison();
      bench.gemm(tile, config, gemm, 0, 0);
      const double by_cpu = reference::relative_error(result(bench, gemm), prepared.expected[gemm]);
      EXPECT_NEAR(bench.error(gemm, 0, 0, {0, 1, 99}), by_cpu, 1e-6);
      EXPECT_LE(bench.error(gemm, 0, 0, {1, 7, 14}), k_tolerance);
      bench.poison();
      EXPECT_TRUE(std::isnan(bench.error(gemm, 0, 0, {0, 1, 99})));
    }
  }
}

TEST_F(CudaKernelGpuTest, TilesOfAnExpertElsewhereAreZero) {
  const auto problem = bf16_problem();
  std::vector<std::int32_t> ids(33 * 3, 5);
  auto prepared = prepare(problem, 33, &ids);
  auto& bench = prepared.bench;
  const schema::TileConfig config{16, 64, 64, 1, 4, 2};
  const auto compiled = compile(problem, cases_of({config}));
  const auto tile = bench.load(compiled.at(0).variant, compiled.at(0).outcome.cubin);
  bench.align(16);
  const auto blocks = must(DeviceBuffer::allocate(4096));
  must(blocks.fill(0xff, bench.stream()));
  auto pointers = bench.pointers(Gemm::first, 0, 0);
  pointers.expert_ids = blocks.address();
  bench.poison();
  must(launch(*tile.function, gemm_launch(problem, config, tile.variant, 33, Gemm::first, pointers), bench.stream()));
  for (const double value : result(bench, Gemm::first)) ASSERT_EQ(value, 0.0);
}

TEST_F(CudaKernelGpuTest, SameInputsGiveTheSameBits) {
  const auto problem = fp8_problem();
  auto prepared = prepare(problem, 33);
  auto& bench = prepared.bench;
  for (const auto& one : compile(problem, cases_of(sample_tiles()))) {
    const auto tile = bench.load(one.variant, one.outcome.cubin);
    bench.align(one.variant.block_size_m);
    bench.gemm(tile, one.from.config, Gemm::first, 0, 0);
    const auto once = bench.bytes(bench.pointers(Gemm::first, 0, 0).c, 33 * 3 * 288 * 2);
    for (int i = 0; i < 20; ++i) {
      bench.poison();
      bench.gemm(tile, one.from.config, Gemm::first, 0, 0);
      ASSERT_EQ(bench.bytes(bench.pointers(Gemm::first, 0, 0).c, 33 * 3 * 288 * 2), once)
          << canonical_text(one.variant);
    }
  }
}

}  // namespace
}  // namespace moetune::kernels
