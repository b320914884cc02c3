#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace moetune::kernels {

using Sha256Digest = std::array<std::uint8_t, 32>;

Sha256Digest sha256(std::string_view bytes);
/// 64 lower-case hex digits.
std::string sha256_hex(std::string_view bytes);

}  // namespace moetune::kernels
