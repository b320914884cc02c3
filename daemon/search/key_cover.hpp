#pragma once

#include <cstdint>
#include <set>
#include <span>
#include <vector>

#include "daemon/search/merge.hpp"

namespace moetune::daemon::search {

/// A loss up to this share of the choice's time is a near-tie: it counts as none. It is the least gain that a choice
/// needs (schema::ChoiceRule), and what two sessions differ by: a key for less would be one for noise.
inline constexpr double k_near_tie = 0.01;

/// What a file in force may lose at an M that nobody asked for. A sweep looks at 60 of these and more, each at 99 %: in
/// every second sweep one of them takes something that is as fast for 1.0 to 1.4 % faster (six in twelve repeated
/// sweeps of two problems on an H200).
inline constexpr double k_kept_tie = 0.02;

/// A configuration that was measured at one M, for every problem that reads the file.
struct CoverOption {
  schema::TileConfig config;
  double loss = 0;      ///< its time over that of the point's choice, less 1, for the problem that loses most; negative
                        ///< where it is faster for all
  bool safe = false;    ///< for no problem slower than the engine's default there beyond noise
  bool beaten = false;  ///< the point's choice is faster than it by the rule of choices, for one problem at least;
                        ///< where they had no four rounds in turns, by more than k_kept_tie
};

/// One measured M.
struct CoverPoint {
  std::int64_t batch = 0;
  schema::TileConfig choice;         ///< what a file would get for this M alone
  bool asked = true;                 ///< a batch that somebody asked for, not one between such batches
  double weight = 1;                 ///< how much a loss counts here: positive, of any unit
  std::vector<CoverOption> options;  ///< the choice among them, which is safe
};

/// One key of a file.
struct CoverKey {
  std::int64_t batch = 0;
  schema::TileConfig config;
  bool operator==(const CoverKey&) const = default;
};

/// Whether a file that runs the option there has to change: the choice beats it, by more than k_near_tie, or k_kept_tie
/// where nobody asked for the batch.
bool gives_way(const CoverPoint& point, const CoverOption& option);

/// What the rows of one batch allow a key to run there: the choice, and what was measured for all problems; of the
/// latter those in `wanted` alone where it is given. Where a default fails or is not known, everything is safe; where
/// it was not measured, nothing but itself. Precondition: there is a problem, and the choice has a standing for each.
CoverPoint cover_point(std::int64_t batch, const std::vector<ModelRows>& models, const MergedChoice& choice,
                       const std::set<schema::TileConfig>* wanted = nullptr);

/// Which points keep their key: those that were asked for, with M between them and the next one asked for on either
/// side of which none was measured, and the first and last one asked for. In the order of the points.
std::vector<bool> held_points(std::span<const CoverPoint> points);

/// The keys of a file, ascending: each a point with one of its options, so that at every point the nearest key's
/// configuration (of two equally near keys the lower one's) is one of that point's safe options, and held_points() are
/// keys. Of all such files the one of the least
///   1. sum of weight x loss, over the points whose loss is more than k_near_tie;
///   2. number of keys;
///   3. number of keys that nobody asked for;
///   4. sum of weight x loss over all points;
///   5. number of keys that do not run the choice of their point;
/// and of equals the one whose list of (batch, configuration) is lexicographically the smallest. Exact, where weights
/// count in 2^-20 of the largest one (at least one such part) and losses in millionths (up to 1000 times the choice's
/// time). Such a file always exists: every point with its choice. Time: points^2 x configurations.
///
/// Where there is a file `before`, it is kept to: at a point where the file runs what it ran before, its loss counts in
/// 1. only if that gives way; in 2. a key that was not in it counts as two, so that one new key has to save more than
/// one old one; and between 2. and 3. comes the number of such keys.
/// Precondition: batches ascend, and every point's choice is among its safe options.
std::vector<CoverKey> key_cover(std::span<const CoverPoint> points, std::span<const CoverKey> before = {});

/// What a file runs at a batch: the configuration of the nearest key. Precondition: `keys` ascend and are not empty.
const schema::TileConfig& config_at(std::span<const CoverKey> keys, std::int64_t batch);

}  // namespace moetune::daemon::search
