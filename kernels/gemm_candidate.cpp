#include "kernels/gemm_candidate.hpp"

#include <algorithm>
#include <utility>

namespace moetune::kernels {

const GemmKernel* GemmModules::find(const GemmKey& key) {
  const auto found = std::ranges::find(entries_, key, &Entry::key);
  if (found == entries_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, found);
  return entries_.front().kernel.get();
}

const GemmKernel* GemmModules::put(const GemmKey& key, std::unique_ptr<GemmKernel> kernel) {
  if (entries_.size() >= k_capacity) entries_.pop_back();
  entries_.push_front({key, std::move(kernel)});
  return entries_.front().kernel.get();
}

Result<void> GemmCandidate::start(const Stream& stream, Gemm gemm, const GemmPointers& pointers) const {
  const bool first = gemm == Gemm::first;
  const GemmKernel& kernel = first ? *kernels_.first : *kernels_.second;
  return kernel.launch(stream, {.problem = resident_.problem(),
                                .config = first ? up_tile(config_) : down_tile(config_),
                                .batch = batch_,
                                .gemm = gemm,
                                .rule = resident_.batch(batch_).plan().rule,
                                .pointers = pointers});
}

Result<void> GemmCandidate::launch(const Stream& stream, Gemm gemm, std::int64_t pass) const {
  return start(stream, gemm, resident_.operands(batch_, gemm, pass, config_.block_size_m));
}

Result<void> GemmCandidate::launch_on(const Stream& stream, Gemm gemm, std::int64_t pass, DeviceAddress a,
                                      DeviceAddress a_scale) const {
  GemmPointers pointers = resident_.operands(batch_, gemm, pass, config_.block_size_m);
  pointers.a = a;
  pointers.a_scale = a_scale;
  return start(stream, gemm, pointers);
}

}  // namespace moetune::kernels
