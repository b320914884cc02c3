#include "tests/kernels/moe_workbench.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <set>
#include <thread>

#include "schema/engine_rules.hpp"

namespace moetune::kernels {

namespace {

constexpr float k_fp8_deviation = 60.0f;

std::int64_t ceil_div(std::int64_t value, std::int64_t divisor) {
  return (value + divisor - 1) / divisor;
}

DeviceBuffer make(std::int64_t bytes) {
  return must(DeviceBuffer::allocate(static_cast<std::size_t>(std::max<std::int64_t>(bytes, 16))));
}

StepKernels make_step(const Context& context, const Nvrtc& nvrtc) {
  const auto& device = context.device();
  const auto outcome = must(nvrtc.compile(step_compile_request(arch_of(device.cc_major, device.cc_minor))));
  if (outcome.status != CompileStatus::ok) give_up(outcome.log);
  return must(StepKernels::load(outcome.cubin));
}

}  // namespace

void must(Result<void> result) {
  if (!result) give_up(result.error().message);
}

void give_up(const std::string& message) {
  std::fputs((message + "\n").c_str(), stderr);
  std::exit(1);
}

MoeWorkbench::MoeWorkbench(const Context& context, const Nvrtc& nvrtc, const Options& options)
    : options_(options),
      operand_(options.problem.block_shape                              ? Operand::fp8_e4m3
               : options.problem.act_dtype == schema::ActDtype::float16 ? Operand::float16
                                                                        : Operand::bfloat16),
      stream_(must(Stream::create())),
      step_(make_step(context, nvrtc)) {
  const auto& problem = options_.problem;
  const auto first = gemm_shape(problem, options_.max_batch, Gemm::first);
  const auto second = gemm_shape(problem, options_.max_batch, Gemm::second);
  const auto pairs = options_.max_batch * problem.topk;
  const int size = bytes_of(operand_);
  const auto block = problem.block_shape.value_or(schema::BlockShape{1 << 20, 1 << 20});
  std::uint64_t seed = options_.seed * 1000;

  const auto values = [&](std::int64_t count, float deviation) {
    auto buffer = make(count * size);
    must(step_.random_values(stream_, operand_, buffer.address(), count, deviation, ++seed));
    return buffer;
  };
  const auto scales = [&](std::int64_t count) {
    auto buffer = make(count * 4);
    must(step_.random_floats(stream_, buffer.address(), count, 0.5e-3f, 1.5e-3f, ++seed));
    return buffer;
  };
  const bool fp8 = operand_ == Operand::fp8_e4m3;
  for (int i = 0; i < options_.sets; ++i) {
    WeightSet set;
    set.w1 = values(problem.num_experts * first.n * first.k, fp8 ? k_fp8_deviation : 0.05f);
    set.w2 = values(problem.num_experts * second.n * second.k, fp8 ? k_fp8_deviation : 0.05f);
    set.w1_scale = scales(problem.num_experts * ceil_div(first.n, block.n) * ceil_div(first.k, block.k));
    set.w2_scale = scales(problem.num_experts * ceil_div(second.n, block.n) * ceil_div(second.k, block.k));
    sets_.push_back(std::move(set));
  }
  x_ = values(first.a_rows * first.k, fp8 ? k_fp8_deviation : 1.0f);
  x_scale_ = scales(first.a_rows * ceil_div(first.k, block.k));
  // Filled here so that the second GEMM can be timed without the first.
  a2_ = values(pairs * second.k, fp8 ? k_fp8_deviation : 1.0f);
  a2_scale_ = scales(pairs * ceil_div(second.k, block.k));
  c1_ = make(pairs * first.n * 2);
  activated_ = make(pairs * second.k * 2);
  c2_ = make(pairs * second.n * 2);
  output_ = make(options_.max_batch * second.n * 2);
  sums_ = make(16);

  constexpr std::int64_t k_largest_block = 256;
  const auto most = pairs + problem.num_experts * (k_largest_block - 1);
  for (int i = 0; i < options_.routings; ++i) {
    Routing routing;
    routing.ids = make(pairs * 4);
    routing.weights = make(pairs * 4);
    routing.sorted = make(most * 4);
    routing.experts = make(most * 4);
    routing.padded = make(4);
    routing.workspace = make((2 * problem.num_experts + 1) * 4);
    routings_.push_back(std::move(routing));
  }
  must(stream_.synchronize());
}

void MoeWorkbench::route(std::int64_t batch, const std::vector<std::int32_t>* topk_ids) {
  batch_ = batch;
  std::uint64_t seed = options_.seed * 7919 + static_cast<std::uint64_t>(batch) * 131;
  for (auto& routing : routings_) {
    must(step_.random_routing(stream_, options_.problem, batch, routing.ids.address(), routing.weights.address(),
                              ++seed));
    if (topk_ids != nullptr) {
      must(stream_.synchronize());
      must(routing.ids.upload(std::as_bytes(std::span(*topk_ids))));
    }
  }
  must(stream_.synchronize());
}

void MoeWorkbench::align(int block_size_m) {
  naive_ = alignment_shape(options_.problem, batch_, block_size_m).naive;
  for (auto& routing : routings_) {
    must(step_.align(stream_, options_.problem, batch_, block_size_m, routing.ids.address(),
                     {.sorted_token_ids = routing.sorted.address(),
                      .expert_ids = routing.experts.address(),
                      .num_tokens_post_padded = routing.padded.address(),
                      .workspace = routing.workspace.address()}));
  }
  must(stream_.synchronize());
}

LoadedTile MoeWorkbench::load(const Variant& variant, std::span<const std::byte> cubin) const {
  LoadedTile tile;
  tile.variant = variant;
  tile.module = must(Module::load(cubin));
  tile.function = must(tile.module.function(k_gemm_entry));
  tile.attributes = must(tile.function->attributes());
  must(tile.function->allow_shared(static_cast<unsigned>(shared_bytes(variant))));
  return tile;
}

GemmPointers MoeWorkbench::pointers(Gemm gemm, int set, int routing) const {
  const auto& weights = sets_[static_cast<std::size_t>(set)];
  const auto& route = routings_[static_cast<std::size_t>(routing)];
  const bool first = gemm == Gemm::first;
  const bool scaled = operand_ == Operand::fp8_e4m3;
  return {.a = (first ? x_ : a2_).address(),
          .w = (first ? weights.w1 : weights.w2).address(),
          .c = (first ? c1_ : c2_).address(),
          .a_scale = scaled ? (first ? x_scale_ : a2_scale_).address() : 0,
          .w_scale = scaled ? (first ? weights.w1_scale : weights.w2_scale).address() : 0,
          .topk_weights = route.weights.address(),
          .sorted_token_ids = naive_ ? 0 : route.sorted.address(),
          .expert_ids = route.experts.address(),
          .num_tokens_post_padded = route.padded.address()};
}

void MoeWorkbench::gemm(const LoadedTile& tile, const schema::TileConfig& config, Gemm which, int set,
                        int routing) const {
  must(launch(*tile.function,
              gemm_launch(options_.problem, config, tile.variant, batch_, which, pointers(which, set, routing)),
              stream_));
}

void MoeWorkbench::connect() const {
  const auto& problem = options_.problem;
  const auto pairs = batch_ * problem.topk;
  const bool scaled = operand_ == Operand::fp8_e4m3;
  const auto target = scaled ? activated_.address() : a2_.address();
  must(step_.activate(stream_, problem, pairs, c1_.address(), target));
  if (scaled) {
    must(step_.quantise(stream_, problem, pairs, problem.intermediate_size, activated_.address(), a2_.address(),
                        a2_scale_.address()));
  }
}

void MoeWorkbench::reduce() const {
  must(step_.reduce(stream_, options_.problem, batch_, c2_.address(), output_.address()));
}

double MoeWorkbench::error(Gemm which, int set, int routing, const PairSample& sample) const {
  const auto shape = gemm_shape(options_.problem, batch_, which);
  const auto expected = make(sample.count * shape.n * 4);
  const auto operands = pointers(which, set, routing);
  must(step_.reference_gemm(stream_, options_.problem, batch_, which, operands, topk_ids(routing), sample,
                            expected.address()));
  return must(step_.relative_error(stream_, options_.problem, operands.c, shape.n, sample, expected.address(), sums_));
}

std::vector<std::byte> MoeWorkbench::bytes(DeviceAddress address, std::int64_t size) const {
  std::vector<std::byte> copy(static_cast<std::size_t>(size));
  must(stream_.synchronize());
  for (const auto* buffer : {&x_, &x_scale_, &c1_, &activated_, &a2_, &a2_scale_, &c2_, &output_}) {
    if (buffer->address() == address) {
      must(buffer->download(copy));
      return copy;
    }
  }
  for (const auto& set : sets_) {
    for (const auto* buffer : {&set.w1, &set.w2, &set.w1_scale, &set.w2_scale}) {
      if (buffer->address() == address) {
        must(buffer->download(copy));
        return copy;
      }
    }
  }
  for (const auto& routing : routings_) {
    for (const auto* buffer : {&routing.ids, &routing.weights, &routing.sorted, &routing.experts, &routing.padded}) {
      if (buffer->address() == address) {
        must(buffer->download(copy));
        return copy;
      }
    }
  }
  give_up("not an address of the workbench");
}

void MoeWorkbench::poison() const {
  // All bits set is a NaN in bf16 and in fp16.
  must(c1_.fill(0xff, stream_));
  must(c2_.fill(0xff, stream_));
}

std::vector<CompileOutcome> compile_all(const Nvrtc& nvrtc, const std::vector<CompileRequest>& requests, int jobs) {
  std::vector<CompileOutcome> outcomes(requests.size());
  std::atomic<std::size_t> next = 0;
  const auto work = [&] {
    for (std::size_t i = next++; i < requests.size(); i = next++) outcomes[i] = must(nvrtc.compile(requests[i]));
  };
  std::vector<std::jthread> threads;
  for (int i = 0; i < jobs; ++i) threads.emplace_back(work);
  threads.clear();
  return outcomes;
}

std::vector<schema::TileConfig> vllm_tiles(const schema::Problem& problem) {
  std::set<schema::TileConfig> distinct;
  for (int m : {16, 32, 64, 128, 256}) {
    for (int n : {32, 64, 128, 256}) {
      for (int k : {64, 128, 256}) {
        for (int warps : {4, 8}) {
          for (int stages : {2, 3, 4, 5}) {
            distinct.insert(schema::effective_config(problem, {.block_size_m = m,
                                                               .block_size_n = n,
                                                               .block_size_k = k,
                                                               .group_size_m = 1,
                                                               .num_warps = warps,
                                                               .num_stages = stages}));
          }
        }
      }
    }
  }
  return {distinct.begin(), distinct.end()};
}

}  // namespace moetune::kernels
