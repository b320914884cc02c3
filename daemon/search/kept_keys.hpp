#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "daemon/search/key_cover.hpp"

namespace moetune::daemon::search {

/// How many keys a file may have before it is placed anew for that alone: a quarter more than are needed, and at least
/// two more. Near-ties at the limit make two fresh files of one problem differ by as much.
std::size_t most_keys(std::size_t needed);

/// Whether the file in force may stay as it is: each of its keys is a point, held_points() are keys, and at every point
/// what it runs is safe and does not give way (gives_way). Preconditions: as key_cover().
bool may_stay(std::span<const CoverPoint> points, std::span<const CoverKey> in_force);

/// The keys of a file, and how they would be without the one that was in force.
struct KeptCover {
  std::vector<CoverKey> keys;
  std::vector<CoverKey> fresh;  ///< key_cover() of the points alone
};

/// Places keys where a file is in force: that file as a whole where it may stay and has at most most_keys() of a fresh
/// one; else key_cover() that keeps to it, so that it changes where it has to alone, within the same limit; else, or
/// where no file is in force, the fresh one. What comes out stays when the same points are asked about again.
KeptCover keep_keys(std::span<const CoverPoint> points, std::span<const CoverKey> in_force);

}  // namespace moetune::daemon::search
