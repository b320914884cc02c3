#pragma once

#include <string>
#include <vector>

#include "kernels/nvrtc.hpp"

namespace moetune::kernels {

/// SHA-256 over names and texts of all parts, in their order, as 64 hex digits.
std::string digest_of(const std::vector<SourceHeader>& parts);

}  // namespace moetune::kernels
