#pragma once

// Values of tensors whose type is known at run time. Kept apart from the tuned GEMM's number formats, so that a mistake
// in one of them shows in the comparison.

namespace moetune {

enum class Type { bfloat16 = 0, float16 = 1, fp8_e4m3 = 2 };

__device__ inline float decode_e4m3(unsigned code) {
  const unsigned exponent = (code >> 3) & 15;
  const unsigned mantissa = code & 7;
  const float magnitude = exponent == 0 ? static_cast<float>(mantissa) * 0.001953125f
                                        : __uint_as_float(((exponent + 120) << 23) | (mantissa << 20));
  return (code & 0x80) != 0 ? -magnitude : magnitude;
}

// Round to nearest even, saturating at 448.
__device__ inline unsigned encode_e4m3(float value) {
  const unsigned sign = (__float_as_uint(value) >> 24) & 0x80;
  const float magnitude = fminf(fabsf(value), 448.0f);
  if (magnitude < 0.015625f) return sign | static_cast<unsigned>(rintf(magnitude * 512.0f));
  unsigned bits = __float_as_uint(magnitude);
  bits += 0x7ffff + ((bits >> 20) & 1);
  return sign | (((bits >> 20) & 0x7ff) - (120 << 3));
}

__device__ inline float decode_half(unsigned short bits) {
  float value;
  asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(bits));
  return value;
}
__device__ inline unsigned short encode_half(float value) {
  unsigned short bits;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(value));
  return bits;
}
__device__ inline float decode_bfloat(unsigned short bits) {
  return __uint_as_float(static_cast<unsigned>(bits) << 16);
}
__device__ inline unsigned short encode_bfloat(float value) {
  const unsigned bits = __float_as_uint(value);
  return static_cast<unsigned short>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

__device__ inline float read_value(const void* tensor, long long index, Type type) {
  if (type == Type::fp8_e4m3) return decode_e4m3(static_cast<const unsigned char*>(tensor)[index]);
  const unsigned short bits = static_cast<const unsigned short*>(tensor)[index];
  return type == Type::float16 ? decode_half(bits) : decode_bfloat(bits);
}
__device__ inline void write_value(void* tensor, long long index, Type type, float value) {
  if (type == Type::fp8_e4m3) {
    static_cast<unsigned char*>(tensor)[index] = static_cast<unsigned char>(encode_e4m3(value));
  } else {
    static_cast<unsigned short*>(tensor)[index] = type == Type::float16 ? encode_half(value) : encode_bfloat(value);
  }
}

}  // namespace moetune
