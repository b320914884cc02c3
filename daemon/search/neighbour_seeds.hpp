#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "daemon/search/plan.hpp"
#include "schema/problem.hpp"

namespace moetune::daemon::search {

/// What a database knows of a problem: the best configuration of each batch.
struct KnownProblem {
  std::int64_t group = 0;  ///< whose rows they are; names the problem where its seeds are stored
  schema::Problem problem;
  std::map<std::int64_t, schema::TileConfig> best;
};

/// A candidate that a race tries because it was the best of another problem.
struct NeighbourSeed {
  std::int64_t group = 0;  ///< KnownProblem::group
  Candidate candidate;
  bool operator==(const NeighbourSeed&) const = default;
};

/// The figures with which tests/bench/race_bench --seeded-by finds that seeds pay.
struct NeighbourRule {
  std::size_t at_most = 2;   ///< seeds of a batch
  bool only_anchors = true;  ///< the batches between them begin where those ended
};

/// How unlike two problems are for a tile: the sum of |log2| of the ratios of E, N, hidden size and topk. Problems that
/// differ in more, in how weights and activations are kept for example, are not to be compared.
double distance(const schema::Problem& a, const schema::Problem& b);

/// Whether what is good for one may be so for the other: they differ in nothing but E, N, hidden size and topk.
bool are_alike(const schema::Problem& a, const schema::Problem& b);

/// What to try first at the anchors of a race (anchor_batches()) over `plan`: the best of each alike problem at the
/// batch nearest by ratio, nearest problems first, then that at the batch next to it. Only candidates of the plan, each
/// once. The problem itself is not its own neighbour.
std::vector<NeighbourSeed> neighbour_seeds(const schema::Problem& problem, const std::vector<Candidate>& plan,
                                           std::vector<KnownProblem> known, const NeighbourRule& rule = {});

}  // namespace moetune::daemon::search
