#pragma once

#include <cstddef>

namespace moetune::schema {

/// The most batches that one sweep, or one comparison of files, measures.
inline constexpr std::size_t k_most_batches = 1024;

}  // namespace moetune::schema
