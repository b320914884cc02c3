#include "kernels/gemm_candidate.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace moetune::kernels {

using schema::fail;

namespace {
constexpr int k_warp_size = 32;
}

const LoadedGemm* GemmModules::find(const std::string& key) {
  const auto found = std::ranges::find(entries_, key, &Entry::key);
  if (found == entries_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, found);
  return &entries_.front().gemm;
}

Result<const LoadedGemm*> GemmModules::load(const std::string& key, const Variant& variant,
                                            std::span<const std::byte> cubin) {
  if (entries_.size() >= k_capacity) entries_.pop_back();
  auto module = Module::load(cubin);
  if (!module) return std::unexpected(module.error());
  const auto function = module->function(k_gemm_entry);
  if (!function) return std::unexpected(function.error());
  const auto attributes = function->attributes();
  if (!attributes) return std::unexpected(attributes.error());
  const int threads = variant.num_warps * k_warp_size;
  if (attributes->max_threads < threads) {
    return fail(ErrorCode::unavailable,
                fmt::format("a block has {} threads of {} registers; the device has room for {} threads", threads,
                            attributes->registers, attributes->max_threads),
                {{"out_of_resources", true}});
  }
  if (auto allowed = function->allow_shared(static_cast<unsigned>(shared_bytes(variant))); !allowed) {
    return std::unexpected(allowed.error());
  }
  entries_.push_front({key, {variant, std::move(*module), *function, *attributes}});
  return &entries_.front().gemm;
}

Result<void> GemmCandidate::start(const Stream& stream, Gemm gemm, const GemmPointers& pointers) const {
  return kernels::launch(gemm_.function,
                         gemm_launch(resident_.problem(), config_, gemm_.variant, batch_, gemm, pointers), stream);
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
