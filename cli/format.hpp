#pragma once

#include <cstdint>
#include <optional>
#include <string>

/// Figures as a person reads them.
namespace moetune::cli {

/// Microseconds: "18.021", "1843.22", "10250.4"; "-" when there is none.
std::string microseconds_text(std::optional<double> us);
/// "1.124x"; "-" when there is none.
std::string speedup_text(std::optional<double> speedup);
/// "45s", "1m28s", "1h02m", "2d03h"; "-" when there is none.
std::string duration_text(std::optional<double> seconds);
/// "812 B", "1.5 KiB", "12.3 MiB", "1.8 GiB".
std::string bytes_text(std::int64_t bytes);
/// "0.4", "31.2", "250" events per second; "-" when there is none.
std::string rate_text(std::optional<double> per_second);
/// Whole percent, rounded down so that 100 % means all: "52%".
std::string percent_text(std::int64_t part, std::int64_t whole);

}  // namespace moetune::cli
