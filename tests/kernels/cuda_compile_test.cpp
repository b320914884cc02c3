#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "kernels/cuda_kernel.hpp"
#include "kernels/nvrtc.hpp"
#include "kernels/step_kernels.hpp"

namespace moetune::kernels {
namespace {

schema::Problem problem_of(bool fp8) {
  schema::Problem problem{
      .num_experts = 8, .intermediate_size = 512, .hidden_size = 2048, .topk = 2, .block_shape = {}};
  if (fp8) {
    problem.dtype = schema::Dtype::fp8_w8a8;
    problem.block_shape = schema::BlockShape{128, 128};
  }
  return problem;
}

/// Needs a compiler and no GPU; skipped, with the reason, where there is no NVRTC.
class CudaCompileTest : public testing::Test {
 protected:
  void SetUp() override {
    auto nvrtc = Nvrtc::open();
    if (!nvrtc) GTEST_SKIP() << nvrtc.error().message;
    nvrtc_ = std::move(*nvrtc);
  }
  bool compiles_for(const std::string& arch) const {
    const auto archs = nvrtc_->architectures().value();
    return std::ranges::binary_search(archs, std::stoi(arch.substr(3)));
  }
  CompileOutcome compile(bool fp8, const schema::TileConfig& config, const std::string& arch) const {
    const auto variant = make_variant(problem_of(fp8), config, arch).value();
    auto outcome = nvrtc_->compile(compile_request(variant)).value();
    EXPECT_EQ(outcome.status, CompileStatus::ok) << canonical_text(variant) << "\n" << outcome.log;
    return outcome;
  }
  std::optional<Nvrtc> nvrtc_;
};

class CudaCompileMatrixTest : public CudaCompileTest, public testing::WithParamInterface<std::string> {};

TEST_P(CudaCompileMatrixTest, CompilesSilentlyForTheArchitecture) {
  if (!compiles_for(GetParam())) GTEST_SKIP() << nvrtc_->compiler_text() << " does not know " << GetParam();
  const std::vector<schema::TileConfig> tiles{
      {16, 128, 128, 1, 4, 3}, {16, 32, 64, 1, 8, 2},   {32, 64, 64, 1, 4, 5},
      {64, 128, 64, 1, 4, 4},  {128, 256, 64, 1, 8, 2}, {256, 256, 64, 1, 4, 1},
  };
  for (const bool fp8 : {false, true}) {
    for (const auto& tile : tiles) EXPECT_EQ(compile(fp8, tile, GetParam()).log, "") << schema::short_text(tile);
  }
  const auto step = nvrtc_->compile(step_compile_request(GetParam())).value();
  EXPECT_EQ(step.status, CompileStatus::ok) << step.log;
}

INSTANTIATE_TEST_SUITE_P(Architectures, CudaCompileMatrixTest,
                         testing::Values("sm_80", "sm_86", "sm_89", "sm_90a", "sm_100", "sm_120", "sm_121"));

/// The numbers that `pattern`'s first group finds in the text, in order.
std::vector<int> numbers(const std::string& text, const std::string& pattern) {
  std::vector<int> found;
  const std::regex expression(pattern);
  for (std::sregex_iterator at(text.begin(), text.end(), expression), end; at != end; ++at) {
    found.push_back(std::stoi((*at)[1]));
  }
  return found;
}

TEST_F(CudaCompileTest, NumStagesIsTheNumberOfBuffersAndOneLessTilesAreInFlight) {
  constexpr int k_buffer = (64 + 128) * 64 * 2;
  for (const char* arch : {"sm_80", "sm_90a"}) {
    for (int stages = 1; stages <= 5; ++stages) {
      const auto ptx = compile(false, {64, 128, 64, 1, 4, stages}, arch).ptx;
      // In the loop: wait until at most num_stages - 2 younger tiles are still on their way; at the end: for all.
      const int younger = std::max(stages - 2, 0);
      EXPECT_EQ(numbers(ptx, R"(cp\.async\.wait_group\s+(\d+))"), (std::vector{younger, 0})) << arch << stages;
      // The table of rows lies behind the last buffer.
      const auto tables = numbers(ptx, R"(st\.shared\.\w+\s+\[%rd?\d+\+(\d+)\])");
      ASSERT_FALSE(tables.empty());
      EXPECT_EQ(std::ranges::min(tables), stages * k_buffer) << arch << stages;
      // The number of the buffer starts again at num_stages.
      if (stages > 2) {
        const auto compared = numbers(ptx, R"(setp\.(?:eq|ne)\.s32\s+%p\d+, %r\d+, (\d+);)");
        EXPECT_TRUE(std::ranges::count(compared, stages) > 0) << arch << stages;
      }
    }
  }
}

TEST_F(CudaCompileTest, CopiesAreAsynchronousAndProductsUseTensorCores) {
  const auto hopper = compile(true, {64, 128, 128, 1, 4, 3}, "sm_90a").ptx;
  EXPECT_NE(hopper.find("wgmma.mma_async.sync.aligned.m64n128k32.f32.e4m3.e4m3"), std::string::npos);
  EXPECT_NE(hopper.find("cp.async.cg.shared.global"), std::string::npos);
  EXPECT_EQ(hopper.find("ld.global.v4"), std::string::npos);
  EXPECT_NE(compile(true, {16, 128, 128, 1, 4, 3}, "sm_90a").ptx.find("wgmma.mma_async.sync.aligned.m64n16k32"),
            std::string::npos);
  EXPECT_NE(compile(false, {16, 32, 128, 1, 4, 3}, "sm_90a").ptx.find("mma.sync.aligned.m16n8k16.row.col.f32.bf16"),
            std::string::npos);
  EXPECT_NE(compile(true, {64, 128, 128, 1, 4, 3}, "sm_89").ptx.find("mma.sync.aligned.m16n8k32.row.col.f32.e4m3"),
            std::string::npos);
  EXPECT_NE(compile(true, {64, 128, 128, 1, 4, 3}, "sm_86").ptx.find("mma.sync.aligned.m16n8k16.row.col.f32.f16"),
            std::string::npos);
}

/// Which registers of a kernel's PTX depend on a value: a walk from definitions to uses, repeated until nothing is new.
/// Follows registers and guards; not memory, not branches.
class DependencyWalk {
 public:
  explicit DependencyWalk(const std::string& ptx) {
    const std::regex line_expression(R"(^\s*(@!?%p\d+)?\s*([a-z][\w.:]*)\s+([^;]*);)");
    std::size_t begin = 0;
    while (begin < ptx.size()) {
      const auto end = std::min(ptx.find('\n', begin), ptx.size());
      std::smatch match;
      const std::string line = ptx.substr(begin, end - begin);
      if (std::regex_search(line, match, line_expression)) add(match[1], match[2], match[3]);
      begin = end + 1;
    }
  }

  /// Registers that depend on kernel parameter number `parameter`.
  std::set<std::string> from_parameter(int parameter) const {
    const auto name = "[moe_gemm_param_" + std::to_string(parameter) + "]";
    std::set<std::string> reached;
    for (std::size_t before = reached.size() + 1; before != reached.size();) {
      before = reached.size();
      for (const auto& instruction : instructions_) {
        const bool starts = instruction.text.find(name) != std::string::npos;
        const bool follows =
            std::ranges::any_of(instruction.sources, [&](const auto& source) { return reached.contains(source); });
        if (starts || follows) reached.insert(instruction.targets.begin(), instruction.targets.end());
      }
      if (before == 0 && reached.empty()) break;
    }
    return reached;
  }

  /// Registers that instructions whose name starts with `operation` read.
  std::set<std::string> read_by(const std::string& operation) const {
    std::set<std::string> registers;
    for (const auto& instruction : instructions_) {
      if (instruction.operation.rfind(operation, 0) == 0) {
        registers.insert(instruction.sources.begin(), instruction.sources.end());
      }
    }
    return registers;
  }

 private:
  struct Instruction {
    std::string operation;
    std::string text;
    std::vector<std::string> targets, sources;
  };

  void add(const std::string& guard, const std::string& operation, const std::string& operands) {
    Instruction instruction{operation, operands, {}, {}};
    const bool writes = operation.rfind("st.", 0) != 0 && operation.rfind("cp.", 0) != 0 && operation != "bra";
    // The first operand, which may be a list in braces or a pair of predicates, is what is written.
    std::size_t cut = operands.find(',');
    if (!operands.empty() && operands.front() == '{') cut = operands.find('}');
    const std::string first = operands.substr(0, cut);
    const std::string rest = cut == std::string::npos ? "" : operands.substr(cut);
    collect(guard, instruction.sources);
    collect(rest, instruction.sources);
    collect(first, writes ? instruction.targets : instruction.sources);
    instructions_.push_back(std::move(instruction));
  }
  static void collect(const std::string& text, std::vector<std::string>& registers) {
    static const std::regex name(R"(%[a-z]+\d+)");
    for (std::sregex_iterator at(text.begin(), text.end(), name), end; at != end; ++at) registers.push_back(at->str());
  }

  std::vector<Instruction> instructions_;
};

bool meet(const std::set<std::string>& one, const std::set<std::string>& other) {
  return std::ranges::any_of(one, [&](const auto& name) { return other.contains(name); });
}

TEST_F(CudaCompileTest, GroupSizeMReachesTheBlockCoordinatesAsARunTimeValue) {
  constexpr int k_topk_weights = 5, k_expert_ids = 7, k_group_size_m = 22;
  for (const char* arch : {"sm_80", "sm_90a"}) {
    const DependencyWalk walk(compile(true, {16, 128, 128, 1, 4, 3}, arch).ptx);
    const auto reached = walk.from_parameter(k_group_size_m);
    ASSERT_FALSE(reached.empty());
    // Row block: which expert is read. Column block: where the copies of the weights start.
    std::set<std::string> expert_addresses;
    std::ranges::set_intersection(walk.from_parameter(k_expert_ids), walk.read_by("ld.global"),
                                  std::inserter(expert_addresses, expert_addresses.end()));
    EXPECT_TRUE(meet(reached, expert_addresses)) << arch;
    EXPECT_TRUE(meet(reached, walk.read_by("cp.async.cg"))) << arch;
    // The walk can say no: the router weights have nothing to do with the copies.
    EXPECT_FALSE(meet(walk.from_parameter(k_topk_weights), walk.read_by("cp.async"))) << arch;
  }
}

TEST_F(CudaCompileTest, EveryPartOfATileChangesTheMachineCode) {
  const schema::TileConfig base{64, 128, 64, 1, 4, 3};
  std::set<std::vector<std::byte>> distinct;
  std::vector<schema::TileConfig> configs(6, base);
  configs[1].block_size_m = 32;
  configs[2].block_size_n = 64;
  configs[3].block_size_k = 128;
  configs[4].num_warps = 8;
  configs[5].num_stages = 4;
  for (const auto& config : configs) distinct.insert(compile(false, config, "sm_90a").cubin);
  EXPECT_EQ(distinct.size(), configs.size());
}

TEST_F(CudaCompileTest, GroupSizeMAndTheClampDoNotChangeTheMachineCode) {
  const auto base = compile(true, {64, 128, 128, 1, 4, 3}, "sm_90a").cubin;
  EXPECT_EQ(compile(true, {64, 128, 256, 1, 4, 3}, "sm_90a").cubin, base);
  EXPECT_EQ(compile(true, {64, 128, 128, 64, 4, 3}, "sm_90a").cubin, base);
}

}  // namespace
}  // namespace moetune::kernels
