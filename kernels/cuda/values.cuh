#pragma once

// Values of tensors whose type is known at run time. Kept apart from the tuned GEMM's number formats, so that a mistake
// in one of them shows in the comparison.

namespace moetune {

enum class Type { bfloat16 = 0, float16 = 1, fp8_e4m3 = 2, int8 = 3 };

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
  const unsigned exponent = (bits >> 10) & 31;
  const unsigned mantissa = bits & 1023;
  const unsigned rebiased = exponent == 31 ? 255 : exponent + 112;
  const float magnitude = exponent == 0 ? static_cast<float>(mantissa) * 5.9604644775390625e-8f
                                        : __uint_as_float((rebiased << 23) | (mantissa << 13));
  return (bits & 0x8000) != 0 ? -magnitude : magnitude;
}
// Round to nearest even; beyond the range infinity.
__device__ inline unsigned short encode_half(float value) {
  const unsigned bits = __float_as_uint(value);
  const unsigned sign = (bits >> 16) & 0x8000;
  const float magnitude = fabsf(value);
  if (magnitude != magnitude) return static_cast<unsigned short>(sign | 0x7fff);
  if (magnitude >= 65520.0f) return static_cast<unsigned short>(sign | 0x7c00);
  if (magnitude < 6.103515625e-5f) {
    return static_cast<unsigned short>(sign | static_cast<unsigned>(rintf(magnitude * 16777216.0f)));
  }
  const unsigned rounded = (bits & 0x7fffffff) + 0xfff + ((bits >> 13) & 1);
  return static_cast<unsigned short>(sign | ((rounded >> 13) - (112 << 10)));
}
__device__ inline float decode_bfloat(unsigned short bits) {
  return __uint_as_float(static_cast<unsigned>(bits) << 16);
}
__device__ inline unsigned short encode_bfloat(float value) {
  const unsigned bits = __float_as_uint(value);
  return static_cast<unsigned short>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

// Round to nearest even, saturating at 127 on both sides, as quantised checkpoints do.
__device__ inline signed char encode_int8(float value) {
  return static_cast<signed char>(rintf(fminf(fmaxf(value, -127.0f), 127.0f)));
}

__device__ inline float read_value(const void* tensor, long long index, Type type) {
  if (type == Type::fp8_e4m3) return decode_e4m3(static_cast<const unsigned char*>(tensor)[index]);
  if (type == Type::int8) return static_cast<float>(static_cast<const signed char*>(tensor)[index]);
  const unsigned short bits = static_cast<const unsigned short*>(tensor)[index];
  return type == Type::float16 ? decode_half(bits) : decode_bfloat(bits);
}

constexpr int k_run = 8;

// The values from `index` on, a multiple of k_run, with as few loads as there can be. The tensor lies at a multiple of
// 16 bytes.
__device__ inline void read_run(const void* tensor, long long index, Type type, float* values) {
  const bool is_wide = type == Type::float16 || type == Type::bfloat16;
  const auto* words = static_cast<const unsigned long long*>(tensor) + index / k_run * (is_wide ? 2 : 1);
  for (int i = 0; i < k_run; ++i) {
    if (is_wide) {
      const auto bits = static_cast<unsigned short>(words[i / 4] >> (16 * (i % 4)));
      values[i] = type == Type::float16 ? decode_half(bits) : decode_bfloat(bits);
    } else {
      const auto code = static_cast<unsigned char>(words[0] >> (8 * i));
      values[i] = type == Type::fp8_e4m3 ? decode_e4m3(code) : static_cast<float>(static_cast<signed char>(code));
    }
  }
}

__device__ inline void write_value(void* tensor, long long index, Type type, float value) {
  if (type == Type::fp8_e4m3) {
    static_cast<unsigned char*>(tensor)[index] = static_cast<unsigned char>(encode_e4m3(value));
  } else if (type == Type::int8) {
    static_cast<signed char*>(tensor)[index] = encode_int8(value);
  } else {
    static_cast<unsigned short*>(tensor)[index] = type == Type::float16 ? encode_half(value) : encode_bfloat(value);
  }
}

}  // namespace moetune
