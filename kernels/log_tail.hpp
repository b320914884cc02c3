#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace moetune::kernels {

/// What a row keeps of a log, in bytes.
inline constexpr std::size_t k_log_tail_bytes = 4096;

/// The end of `log`, at most `max_bytes` long, from a line's start where possible, as text that JSON and the store
/// accept: invalid UTF-8 and control characters other than newline and tab become '?'.
std::string log_tail(std::string_view log, std::size_t max_bytes = k_log_tail_bytes);

}  // namespace moetune::kernels
