#include "kernels/resident_batch.hpp"

namespace moetune::kernels {

namespace {

constexpr std::uint64_t k_word = sizeof(std::int32_t);
constexpr std::uint64_t k_address_alignment = 256;

enum Tensor : std::uint64_t { x_values = 11, routing, unchecked_rows };

std::uint64_t rounded_up(std::uint64_t bytes) {
  return (bytes + k_address_alignment - 1) / k_address_alignment * k_address_alignment;
}

/// One routing's alignment in the buffer of all: sorted_token_ids, expert_ids, num_tokens_post_padded.
struct AlignmentLayout {
  bool naive;
  std::uint64_t expert_ids, num_tokens, size;
};

AlignmentLayout layout_of(const schema::Problem& problem, const BatchPlan& plan, int block_size_m) {
  const auto shape = alignment_shape(problem, plan.batch, block_size_m, plan.rule);
  AlignmentLayout layout{};
  layout.naive = shape.naive;
  layout.expert_ids = shape.naive ? 0 : rounded_up(static_cast<std::uint64_t>(shape.sorted_size) * k_word);
  layout.num_tokens = layout.expert_ids + rounded_up(static_cast<std::uint64_t>(shape.expert_blocks) * k_word);
  layout.size = layout.num_tokens + k_address_alignment;
  return layout;
}

}  // namespace

Result<Workspace> Workspace::allocate(const schema::Problem& problem, std::int64_t largest_batch) {
  Workspace workspace;
  const auto sizes = workspace_sizes(problem, largest_batch);
  auto allocated =
      allocate_all({{&workspace.c1, sizes.c1},
                    {&workspace.activation, sizes.activation},
                    {&workspace.a2, sizes.a2},
                    {&workspace.a2_scale, sizes.a2_scale},
                    {&workspace.c2, sizes.c2},
                    {&workspace.out, sizes.out},
                    {&workspace.alignment, (2 * problem.num_experts + 1) * static_cast<std::int64_t>(k_word)},
                    {&workspace.sums, 2 * static_cast<std::int64_t>(sizeof(double))}});
  if (!allocated) return std::unexpected(allocated.error());
  return workspace;
}

Result<ResidentBatch> ResidentBatch::allocate(const schema::Problem& problem, const BatchPlan& plan) {
  ResidentBatch batch(problem, plan);
  const auto sizes = batch_sizes(problem, plan);
  auto allocated = allocate_all({{&batch.x_, sizes.x},
                                 {&batch.a1_, sizes.a1},
                                 {&batch.a1_scale_, sizes.a1_scale},
                                 {&batch.a2_, sizes.a2},
                                 {&batch.a2_scale_, sizes.a2_scale},
                                 {&batch.topk_ids_, sizes.topk_ids * plan.routings},
                                 {&batch.topk_weights_, sizes.topk_ids * plan.routings},
                                 {&batch.reference_1_, sizes.reference_1},
                                 {&batch.reference_2_, sizes.reference_2}});
  if (!allocated) return std::unexpected(allocated.error());
  return batch;
}

Result<void> ResidentBatch::draw_routing(const StepKernels& step, const Stream& stream, std::int64_t i,
                                         DeviceAddress popularity) {
  const auto place = static_cast<std::uint64_t>(i);
  const std::uint64_t offset = place * static_cast<std::uint64_t>(pairs()) * k_word;
  const DeviceAddress ids = topk_ids_.address() + offset;
  const DeviceAddress weights = topk_weights_.address() + offset;
  const std::uint64_t seed = sub_seed(seed_, routing, place);
  if (popularity == 0) return step.random_routing(stream, problem_, plan_.batch, ids, weights, seed);
  const auto row = place * static_cast<std::uint64_t>(problem_.num_experts) * sizeof(float);
  return step.popular_routing(stream, problem_, plan_.batch, popularity + row, ids, weights, seed);
}

Result<void> ResidentBatch::fill(const StepKernels& step, const Stream& stream, std::uint64_t seed,
                                 DeviceAddress popularity) {
  seed_ = sub_seed(seed, routing, static_cast<std::uint64_t>(plan_.batch));
  alignments_.clear();
  has_reference_ = false;
  const Operand type = problem_.act_dtype == schema::ActDtype::float16 ? Operand::float16 : Operand::bfloat16;
  auto made = step.random_values(stream, type, x_.address(), plan_.batch * problem_.hidden_size, 1.0F,
                                 sub_seed(seed_, x_values, 0));
  if (made && a1_.size() > 0) {
    made = step.quantise(stream, problem_, plan_.batch, problem_.hidden_size, x_.address(), a1_.address(),
                         a1_scale_.address());
  }
  for (std::int64_t i = 0; made && i < plan_.routings; ++i) made = draw_routing(step, stream, i, popularity);
  return made;
}

DeviceAddress ResidentBatch::topk_ids(std::int64_t pass) const {
  return topk_ids_.address() + static_cast<std::uint64_t>((pass % plan_.routings) * pairs()) * k_word;
}

AlignmentPointers ResidentBatch::alignment(std::int64_t pass, int block_size_m) const {
  const auto layout = layout_of(problem_, plan_, block_size_m);
  const DeviceAddress base =
      alignments_.at(block_size_m).address() + static_cast<std::uint64_t>(pass % plan_.routings) * layout.size;
  return {.sorted_token_ids = layout.naive ? 0 : base,
          .expert_ids = base + layout.expert_ids,
          .num_tokens_post_padded = base + layout.num_tokens};
}

Result<void> ResidentBatch::align(const StepKernels& step, const Stream& stream, int block_size_m,
                                  const Workspace& workspace) {
  if (alignments_.contains(block_size_m)) return {};
  const auto layout = layout_of(problem_, plan_, block_size_m);
  auto buffer = DeviceBuffer::allocate(static_cast<std::size_t>(plan_.routings) * layout.size);
  if (!buffer) return std::unexpected(buffer.error());
  alignments_.emplace(block_size_m, std::move(*buffer));
  for (std::int64_t i = 0; i < plan_.routings; ++i) {
    AlignmentPointers out = alignment(i, block_size_m);
    out.workspace = workspace.alignment.address();
    auto aligned = step.align(stream, problem_, plan_.batch, block_size_m, topk_ids(i), out, plan_.rule);
    if (!aligned) return aligned;
  }
  return {};
}

GemmPointers ResidentBatch::operands(Gemm gemm, std::int64_t pass) const {
  GemmPointers pointers;
  pointers.topk_weights =
      topk_weights_.address() + static_cast<std::uint64_t>((pass % plan_.routings) * pairs()) * k_word;
  if (gemm == Gemm::first) {
    pointers.a = a1_.size() > 0 ? a1_.address() : x_.address();
    pointers.a_scale = a1_scale_.address();
  } else {
    pointers.a = a2_.address();
    pointers.a_scale = a2_scale_.address();
  }
  return pointers;
}

Expected ResidentBatch::expected() const {
  return {.sample = {.first = 0, .step = plan_.check_step, .count = plan_.checked},
          .gemm_1 = reference_1_.address(),
          .gemm_2 = reference_2_.address()};
}

Result<void> ResidentBatch::reference_input_of_gemm_2(const StepKernels& step, const Stream& stream,
                                                      const Workspace& workspace) {
  const auto columns = gemm_shape(problem_, plan_.batch, Gemm::first).n;
  const Operand type = problem_.act_dtype == schema::ActDtype::float16 ? Operand::float16 : Operand::bfloat16;
  Result<void> made;
  if (plan_.check_step > 1) {  // rows that are not compared need values all the same
    // As large as what is compared: a scale of the whole tensor must suit both.
    const float size = problem_.router_weight_on_input ? 1.0F / static_cast<float>(problem_.topk) : 1.0F;
    made = step.random_values(stream, type, workspace.c1.address(), pairs() * columns, size,
                              sub_seed(seed_, unchecked_rows, 0));
  }
  if (made) {
    made =
        step.round_rows(stream, problem_, reference_1_.address(), columns, expected().sample, workspace.c1.address());
  }
  const bool quantised = a2_scale_.size() > 0;
  const DeviceAddress activation = quantised ? workspace.activation.address() : a2_.address();
  if (made) made = step.activate(stream, problem_, pairs(), workspace.c1.address(), activation);
  if (made && quantised) {
    made = step.quantise(stream, problem_, pairs(), problem_.intermediate_size, activation, a2_.address(),
                         a2_scale_.address());
  }
  return made;
}

Result<void> ResidentBatch::make_reference(const StepKernels& step, const Stream& stream, const WeightPool& weights,
                                           const Workspace& workspace) {
  if (has_reference_) return {};
  GemmPointers first = operands(Gemm::first, 0);
  GemmPointers second = operands(Gemm::second, 0);
  weights.point(first, Gemm::first, 0);
  weights.point(second, Gemm::second, 0);
  const PairSample sample = expected().sample;
  auto made = step.reference_gemm(stream, problem_, plan_.batch, Gemm::first, first, topk_ids(0), sample,
                                  reference_1_.address());
  if (made) made = reference_input_of_gemm_2(step, stream, workspace);
  if (made) {
    made = step.reference_gemm(stream, problem_, plan_.batch, Gemm::second, second, topk_ids(0), sample,
                               reference_2_.address());
  }
  has_reference_ = made.has_value();
  return made;
}

}  // namespace moetune::kernels
