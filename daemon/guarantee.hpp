#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "daemon/file_plan.hpp"
#include "schema/engine_rules.hpp"

namespace moetune::daemon {

/// What a file does at one measured M for one of its problems.
struct GuaranteedPoint {
  std::size_t problem = 0;  ///< a place in FilePlan::problems
  FilePoint point;
};

/// How a file stands against the engine's default wherever both were measured.
struct Guarantee {
  std::vector<std::int64_t> measured;         ///< M at which every problem has what the file runs there, ascending
  std::optional<schema::BatchRange> widest;   ///< M without any measured one among them, up to the largest: the range
                                              ///< whose ends are the furthest apart by ratio
  std::optional<schema::BatchRange> longest;  ///< of these ranges the one of the most M
  std::vector<std::int64_t> unknown;          ///< other M that a problem has rows of, ascending
  bool only_keys = false;                     ///< `widest` is one between keys, and no other M was measured
  std::optional<GuaranteedPoint> worst;       ///< the largest time with the file over time with the default
  std::vector<GuaranteedPoint> slower;        ///< beyond noise
  std::vector<GuaranteedPoint> without_default;  ///< nobody knows the default there
  std::vector<std::int64_t> pinned;              ///< M at which the file runs the default

  /// Nothing that was measured is slower beyond noise, and it was measured between the keys, too.
  bool safe() const { return worst && slower.empty() && without_default.empty() && !only_keys; }
  /// One line: "safe: ...", or "not shown to be safe: ..." with why.
  std::string text() const;
};

Guarantee guarantee_of(const FilePlan& plan);

/// The body of GET /guarantee but for the file's name and choice. {"safe", "text", "keys": {"1": {"config", "default",
/// "reason"}}, "measured": [M], "max": the largest measured M, "widest_gap": {"from", "to"} or null,
/// "longest_gap": as widest_gap, "not_measured": [M that a problem has rows of, though not every one has them of what
/// the file runs there], "only_keys", "worst": {"problem": place, "batch", and a point's fields} or null, "slower": [as
/// worst], "pinned": [M], "left_out":
/// [{"batch", "key", "reason"}], "problems": [{"group": {...}, "points": {"1": {"key", "asked", "standing", "config",
/// "latency_us", "default_us", "ratio", "low", "high", "spread"}}}]}. A ratio is time with the file over time with the
/// default, between low and high where the two took turns; a spread is a share of the default's time; null where
/// nothing was measured.
nlohmann::ordered_json to_json(const Guarantee& guarantee, const FilePlan& plan);

}  // namespace moetune::daemon
