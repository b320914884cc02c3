#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "daemon/search/key_cover.hpp"
#include "daemon/search/merge.hpp"
#include "schema/traffic.hpp"

namespace moetune::daemon {

/// One measured M, as far as placing keys needs it.
struct KeyCandidate {
  std::vector<search::ModelRows> models;  ///< the rows of each problem that reads the file, at least one
  search::MergedChoice choice;            ///< what a file would get for this M alone
  bool asked = true;                      ///< somebody asked for this batch
};

struct PlacedKey {
  std::int64_t batch = 0;
  search::MergedChoice choice;  ///< what the key runs, with its times at this batch and why
};

/// A batch that somebody asked for and that has no key of its own.
struct LeftOut {
  std::int64_t batch = 0;
  std::int64_t key = 0;  ///< which serves it
  std::string reason;
};

/// The file that was in force when a sweep of the group was done.
struct FileInForce {
  std::int64_t sweep = 0;
  std::vector<search::CoverKey> keys;  ///< ascending
};

struct KeyPlan {
  std::vector<PlacedKey> keys;  ///< ascending
  std::vector<LeftOut> left_out;
};

/// Places the keys of a file over what was measured, by batch: all of them where somebody asked for each, else by
/// search::keep_keys, which keeps to the file in force. A point weighs what the steps of the traffic take that are
/// nearest to it, as a share of all time (the mean of the problems' shares), plus a hundredth of all time shared
/// evenly, so that none counts for nothing; without traffic all weigh the same. Every candidate has the same problems.
KeyPlan place_keys(const std::map<std::int64_t, KeyCandidate>& candidates,
                   const std::optional<schema::Traffic>& traffic, const FileInForce& in_force = {});

}  // namespace moetune::daemon
