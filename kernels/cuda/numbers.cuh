#pragma once

// Number formats, without CUDA's headers: NVRTC then needs no include path and compiles faster.

namespace moetune {

using i32 = int;
using u32 = unsigned int;
using i64 = long long;
using u64 = unsigned long long;

// Two floats rounded to one word of two output values, `low` in the lower half.
__device__ __forceinline__ u32 pack_output(float low, float high) {
  u32 word;
#ifdef MOETUNE_OUTPUT_F16
  asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(word) : "f"(high), "f"(low));
#else
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(word) : "f"(high), "f"(low));
#endif
  return word;
}

// Four e4m3 values become two words of two f16 values, each 2^-8 of its value: the four exponent bits land in the lower
// part of f16's five, whose bias is larger by 8. Subnormals come out right, NaN does not.
struct HalfPairs {
  u32 low;
  u32 high;
};
__device__ __forceinline__ u32 widen_e4m3_pair(u32 bytes_in_upper_halves) {
  return (bytes_in_upper_halves & 0x80008000u) | ((bytes_in_upper_halves >> 1) & 0x3f803f80u);
}
__device__ __forceinline__ HalfPairs widen_e4m3(u32 four) {
  return {widen_e4m3_pair(__byte_perm(four, 0, 0x1404)), widen_e4m3_pair(__byte_perm(four, 0, 0x3424))};
}
// What a product of two widened values must be multiplied with.
constexpr float k_widened_scale = 65536.0f;

}  // namespace moetune
