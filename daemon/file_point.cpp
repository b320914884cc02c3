#include "daemon/file_point.hpp"

#include <algorithm>

#include "daemon/search/safety.hpp"

namespace moetune::daemon {
namespace {

using search::Measured;

/// How a row does against the default, where both took turns.
std::optional<RatioInterval> interval_of(const Measured& row, const Measured& standard,
                                         const schema::ChoiceRule& rule) {
  const auto turns = search::compare(row, standard, rule);
  if (!turns.in_turns) return std::nullopt;
  return RatioInterval{.middle = 1 / turns.speedup, .low = 1 / turns.high, .high = 1 / turns.low};
}

bool is_faster(const Measured& row, const Measured& standard, const schema::ChoiceRule& rule) {
  if (const auto turns = interval_of(row, standard, rule)) return turns->high < 1;
  return standard.latency_us - row.latency_us > std::max(search::spread_us(row), search::spread_us(standard));
}

PointStanding standing_of(const search::ModelRows& rows, const schema::TileConfig& config, const Measured* row) {
  const auto& fallback = rows.fallback;
  if (fallback && !fallback->failed && fallback->config == config) return PointStanding::is_default;
  if (row == nullptr) return PointStanding::not_measured;
  if (!fallback) return PointStanding::no_default;
  if (fallback->failed) return PointStanding::default_fails;
  if (!fallback->measured) return PointStanding::not_measured;
  if (search::slower_beyond_noise(*row, *fallback->measured, rows.rule)) return PointStanding::slower;
  return is_faster(*row, *fallback->measured, rows.rule) ? PointStanding::faster : PointStanding::same;
}

}  // namespace

std::string_view name_of(PointStanding standing) {
  switch (standing) {
    case PointStanding::is_default:
      return "default";
    case PointStanding::faster:
      return "faster";
    case PointStanding::same:
      return "same";
    case PointStanding::slower:
      return "slower";
    case PointStanding::not_measured:
      return "not measured";
    case PointStanding::default_fails:
      return "default fails";
    case PointStanding::no_default:
      return "no default";
  }
  return "";
}

std::optional<double> FilePoint::ratio() const {
  if (standing == PointStanding::is_default) return 1;
  if (interval) return interval->middle;
  return latency_us && default_us ? std::optional(*latency_us / *default_us) : std::nullopt;
}

std::optional<double> FilePoint::spread() const {
  return default_us ? std::optional(spread_us / *default_us) : std::nullopt;
}

FilePoint file_point(std::int64_t batch, const search::ModelRows& rows, const schema::TileConfig& config) {
  FilePoint point;
  point.batch = batch;
  point.config = config;
  const auto found = std::ranges::find(rows.rows, config, &Measured::config);
  const Measured* row = found == rows.rows.end() ? nullptr : &*found;
  const Measured* standard = rows.fallback && rows.fallback->measured ? &*rows.fallback->measured : nullptr;
  point.standing = standing_of(rows, config, row);
  if (point.standing == PointStanding::is_default && standard != nullptr) row = standard;
  if (row != nullptr && standard != nullptr && point.standing != PointStanding::is_default) {
    point.interval = interval_of(*row, *standard, rows.rule);
  }
  if (row != nullptr) point.latency_us = row->latency_us;
  if (standard != nullptr) point.default_us = standard->latency_us;
  for (const Measured* each : {row, standard}) {
    if (each != nullptr) point.spread_us = std::max(point.spread_us, search::spread_us(*each));
  }
  return point;
}

}  // namespace moetune::daemon
