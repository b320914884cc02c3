#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "daemon/search/plan.hpp"
#include "daemon/search/tile_axes.hpp"
#include "schema/tile_config.hpp"

namespace moetune::daemon::search {

/// How far a race looks. The figures are those with which tests/bench/race_bench meets its aims; docs/search.md has
/// what each of them is worth.
struct RaceRule {
  std::size_t anchors = 4;            ///< batches that are searched from nothing; the others begin where those ended
  std::size_t all_up_to = 32;         ///< so few candidates of a batch are all measured
  std::size_t from_each_anchor = 3;   ///< valleys whose best a batch takes over from the anchor on either side
  double leaders_within = 1.2;        ///< of the anchor's best
  std::size_t from_both_anchors = 2;  ///< tiles of the coarse grid that it takes over for being best at both together
  std::size_t groups_of = 1;          ///< tiles whose values of GROUP_SIZE_M are all measured before the first step
  double groups_within = 1.05;        ///< of the batch's best
  double worse_value = 1.2;           ///< a step to a value on an axis whose best is so much slower is not taken
  double worse_new_value = 1.05;      ///< the same for a step to a tile that neither anchor has compiled
  double expand_share = 0.03;         ///< of a batch's candidates: until so many are measured, close seconds step too
  double expand_within = 1.02;        ///< of the batch's best
  std::size_t expand_at_most = 3;     ///< of them
};

/// The batches that a race searches from nothing, of those that it is about (ascending, distinct): at even distances,
/// the first and the last among them.
std::vector<std::int64_t> anchor_batches(const std::vector<std::int64_t>& batches, const RaceRule& rule = {});

/// The share of all kernels that a race compiles, about: 25 to 39 % on nine recordings (tests/bench/race_bench).
inline constexpr double k_raced_kernels = 0.34;

/// What became of a trial.
struct RaceOutcome {
  std::optional<double> latency_us = {};  ///< empty when it failed
  std::optional<double> gemm_1_us = {};   ///< of it, where the GEMMs were timed apart
  std::optional<double> gemm_2_us = {};
  bool out_of_resources = false;  ///< so that larger tiles need not be tried
};

/// Which candidates of a sweep are worth measuring, found out step by step: batches at even distances (the anchors) are
/// searched from a coarse grid, one tile for each (BLOCK_SIZE_M, BLOCK_SIZE_N, BLOCK_SIZE_K); the batches between them
/// begin with what was best at the anchors on either side; each then follows the steps of TileAxes::around from its
/// best until none is better; and last, each tries what was best at its two neighbours. Every batch tries the engine's
/// default and its seeds first.
///
/// A batch decides only when everything that it asked for has come, and looks at others only where these have ended a
/// stage, so that the candidates depend on the outcomes alone, not on their order: told the rows of a sweep that was
/// cut off, a new race goes on where that one was. Not thread-safe.
class Race {
 public:
  /// `plan` has all candidates; a default or a seed that is not among them is passed over. With `pairs` the tile of
  /// each GEMM counts for itself (RaceOutcome::gemm_1_us, gemm_2_us): steps are taken from the best of each, too.
  Race(const std::vector<Candidate>& plan, const std::map<std::int64_t, schema::TileConfig>& default_of_batch,
       const Seeds& seeds, bool pairs, const RaceRule& rule = {});

  /// Candidates that are wanted and were not returned before. Empty with nothing under way: the race is over.
  std::vector<Candidate> take_wanted();

  /// The outcome of a candidate, wanted or not yet; the first one counts.
  void tell(const Candidate& candidate, const RaceOutcome& outcome);

  /// Every batch has arrived: nothing will be wanted any more.
  bool done() const;

  /// How many more candidates of each batch it is likely to want, by what races came to: the fewer, the fewer there
  /// are.
  std::map<std::int64_t, std::size_t> expected_beyond_wanted() const;

 private:
  enum class Stage { opening, taking_over, groups, climbing, waiting, last_climb, arrived };
  /// One batch.
  struct Runner {
    std::int64_t batch = 0;
    std::set<schema::TileConfig> candidates;
    Stage stage = Stage::opening;
    bool is_anchor = false;
    bool has_grid = false;                               ///< it has asked for the coarse grid
    std::size_t anchors[2] = {0, 0};                     ///< runners on either side
    std::map<schema::TileConfig, RaceOutcome> outcomes;  ///< of what it asked for
    std::set<schema::TileConfig> open;                   ///< asked for, without an outcome yet
    std::set<schema::TileConfig> expanded;               ///< steps from here were taken
    /// What others take over: what it knew before its first step, microseconds; as the first climb ended, by objective,
    /// the fastest first; and the tiles that it had asked for then.
    std::map<schema::TileConfig, double> surveyed;
    std::vector<std::vector<schema::TileConfig>> leaders;
    std::set<schema::TileConfig> tiles;
  };

  void choose_anchors();
  void advance();
  void settle(Runner& runner);
  void end_first_climb(Runner& runner);
  /// One decision of a batch of which nothing is open. Returns whether there was one to take.
  bool advance(std::size_t index);
  void open_with(Runner& runner, const schema::TileConfig& config);
  void open_coarse_grid(Runner& runner);
  void open_all_groups(Runner& runner);
  void take_over_from_anchors(Runner& runner);
  void take_over_from_both_anchors(Runner& runner);
  void take_over_from_neighbours(std::size_t index);
  bool climb(Runner& runner);
  std::optional<schema::TileConfig> next_to_expand(const Runner& runner) const;
  void expand(Runner& runner, const schema::TileConfig& config);
  bool is_worth_a_step(const Runner& runner, const schema::TileConfig& from, const schema::TileConfig& to) const;
  bool is_known_to_anchors(const Runner& runner, const schema::TileConfig& config) const;
  bool cannot_fit(const Runner& runner, const schema::TileConfig& config) const;
  bool has_ended_climb(std::size_t index) const { return runners_[index].stage >= Stage::waiting; }

  RaceRule rule_;
  bool pairs_;
  TileAxes axes_;
  std::map<std::int64_t, schema::TileConfig> default_of_batch_;
  Seeds seeds_;
  std::vector<Runner> runners_;  ///< by batch, ascending
  std::map<std::int64_t, std::size_t> runner_of_;
  std::map<Candidate, RaceOutcome> told_;  ///< before they were asked for
  std::vector<Candidate> wanted_;
};

}  // namespace moetune::daemon::search
