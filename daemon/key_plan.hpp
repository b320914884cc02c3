#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "daemon/search/merge.hpp"
#include "schema/traffic.hpp"

namespace moetune::daemon {

/// One measured M, as far as placing keys needs it.
struct KeyCandidate {
  search::ModelRows rows;
  search::Choice choice;  ///< search::choose of it
  bool asked = true;      ///< somebody asked for this batch
};

struct PlacedKey {
  std::int64_t batch = 0;
  search::Choice choice;  ///< what the key runs, with its time at this batch and why
};

/// A batch that somebody asked for and that has no key of its own.
struct LeftOut {
  std::int64_t batch = 0;
  std::int64_t key = 0;  ///< which serves it
  std::string reason;
};

struct KeyPlan {
  std::vector<PlacedKey> keys;  ///< ascending
  std::vector<LeftOut> left_out;
};

/// Places the keys of one problem's file by search::key_cover over all that was measured, by batch. A point weighs what
/// the steps of the traffic take that are nearest to it, plus a hundredth of all time shared evenly, so that none
/// counts for nothing; without traffic all weigh the same. Precondition: not empty.
KeyPlan place_keys(const std::map<std::int64_t, KeyCandidate>& candidates,
                   const std::optional<schema::Traffic>& traffic);

}  // namespace moetune::daemon
