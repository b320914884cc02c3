#include "kernels/resident_problem.hpp"

#include <algorithm>
#include <span>

namespace moetune::kernels {
namespace {

constexpr std::uint64_t k_popularity = 21;  // the stream of seeds that says who is popular

}  // namespace

Result<ResidentProblem> ResidentProblem::create(const StepKernels& step, const Stream& stream,
                                                const OpenProblem& request, const ResidencyPlan& plan,
                                                const ExpertPopularity& popularity) {
  auto weights = WeightPool::allocate(request.problem, plan.weight_sets);
  if (!weights) return std::unexpected(weights.error());
  const std::int64_t largest = std::ranges::max(plan.batches, {}, &BatchPlan::batch).batch;
  auto workspace = Workspace::allocate(request.problem, largest);
  if (!workspace) return std::unexpected(workspace.error());
  ResidentProblem resident(step, stream, std::move(*weights), std::move(*workspace));
  resident.problem_ = request.problem;
  resident.seed_ = request.seed;
  if (plan.popularity_rows > 0) {
    resident.popularity_table_ = popularity.table(plan.popularity_rows, sub_seed(request.seed, k_popularity, 0));
    auto allocated = allocate_all({{&resident.popularity_, popularity_bytes(request.problem, plan)}});
    if (!allocated) return std::unexpected(allocated.error());
  }
  for (const BatchPlan& batch_plan : plan.batches) {
    auto batch = ResidentBatch::allocate(request.problem, batch_plan);
    if (!batch) return std::unexpected(batch.error());
    resident.batches_.emplace(batch_plan.batch, std::move(*batch));
  }
  if (auto filled = resident.refill(); !filled) return std::unexpected(filled.error());
  return resident;
}

Result<void> ResidentProblem::refill() {
  if (auto filled = weights_.fill(*step_, *stream_, seed_); !filled) return filled;
  if (!popularity_table_.empty()) {
    auto there = popularity_.upload(std::as_bytes(std::span(popularity_table_)));
    if (!there) return there;
  }
  for (auto& [size, batch] : batches_) {
    if (auto filled = batch.fill(*step_, *stream_, seed_, popularity_.address()); !filled) return filled;
  }
  return stream_->synchronize();
}

Result<void> ResidentProblem::prepare(std::int64_t batch, int block_size_m) {
  ResidentBatch& resident = batches_.at(batch);
  auto made = resident.align(*step_, *stream_, block_size_m, workspace_);
  if (made) made = resident.make_reference(*step_, *stream_, weights_, workspace_);
  return made ? stream_->synchronize() : made;
}

GemmPointers ResidentProblem::operands(std::int64_t batch, Gemm gemm, std::int64_t pass, int block_size_m) const {
  const ResidentBatch& resident = batches_.at(batch);
  GemmPointers pointers = resident.operands(gemm, pass);
  const AlignmentPointers aligned = resident.alignment(pass, block_size_m);
  pointers.sorted_token_ids = aligned.sorted_token_ids;
  pointers.expert_ids = aligned.expert_ids;
  pointers.num_tokens_post_padded = aligned.num_tokens_post_padded;
  weights_.point(pointers, gemm, pass);
  pointers.c = gemm == Gemm::first ? workspace_.c1.address() : workspace_.c2.address();
  return pointers;
}

}  // namespace moetune::kernels
