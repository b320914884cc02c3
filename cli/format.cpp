#include "cli/format.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace moetune::cli {

std::string microseconds_text(std::optional<double> us) {
  if (!us) return "-";
  return fmt::format("{:.{}f}", *us, *us < 999.9995 ? 3 : *us < 9999.995 ? 2 : 1);
}

std::string speedup_text(std::optional<double> speedup) {
  return speedup ? fmt::format("{:.3f}x", *speedup) : "-";
}

std::string duration_text(std::optional<double> seconds) {
  if (!seconds || !std::isfinite(*seconds)) return "-";
  const auto total = static_cast<std::int64_t>(std::llround(std::clamp(*seconds, 0.0, 1e9)));
  if (total < 60) return fmt::format("{}s", total);
  if (total < 3600) return fmt::format("{}m{:02}s", total / 60, total % 60);
  if (total < 86400) return fmt::format("{}h{:02}m", total / 3600, total % 3600 / 60);
  return fmt::format("{}d{:02}h", total / 86400, total % 86400 / 3600);
}

std::string bytes_text(std::int64_t bytes) {
  if (bytes < 1024) return fmt::format("{} B", bytes);
  constexpr std::array k_units = {"KiB", "MiB", "GiB", "TiB"};
  double value = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  while (value >= 1023.95 && unit + 1 < k_units.size()) {
    value /= 1024;
    ++unit;
  }
  return fmt::format("{:.1f} {}", value, k_units[unit]);
}

std::string rate_text(std::optional<double> per_second) {
  if (!per_second) return "-";
  return fmt::format("{:.{}f}", *per_second, *per_second < 99.95 ? 1 : 0);
}

std::string percent_text(std::int64_t part, std::int64_t whole) {
  if (whole <= 0) return "0%";
  return fmt::format("{}%", std::clamp<std::int64_t>(part * 100 / whole, 0, 100));
}

}  // namespace moetune::cli
