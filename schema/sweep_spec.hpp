#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "schema/choice_rule.hpp"
#include "schema/error.hpp"
#include "schema/group.hpp"
#include "schema/problem.hpp"
#include "schema/rounds.hpp"
#include "schema/routing.hpp"
#include "schema/tile_config.hpp"

namespace moetune::schema {

/// vLLM's default batch sizes.
const std::vector<std::int64_t>& default_batches();

/// SweepSpec::strategy: which candidates of the space are measured.
inline constexpr std::string_view k_race = "race";              ///< those that a search finds worth it
inline constexpr std::string_view k_exhaustive = "exhaustive";  ///< all

/// What the user asks for: POST /sweeps and `tune` carry these fields.
struct SweepSpec {
  Problem problem;
  std::vector<std::int64_t> batches;  ///< ascending, distinct; field "batch"
  std::string kernel = "cuda";        ///< ignored with a recording, whose rows name theirs
  nlohmann::json space = "vllm";      ///< a name (vllm, wide) or the object of a space file
  std::string strategy{k_race};
  std::string routing = "uniform";  ///< canonical (schema/routing.hpp)
  /// What POST /sweeps has in the place of a routing's name. The daemon keeps them and gives them their name; a stored
  /// spec has none.
  std::optional<ExpertCounts> expert_counts = {};
  L2 l2 = L2::cold;
  std::vector<int> gpus;  ///< device indexes; empty: all of one name
  std::uint64_t seed = 0;
  bool reuse = false;                    ///< take finished rows of the same group over
  bool retry_failed = false;             ///< ask again what failed before
  bool scan = true;                      ///< Triton kernels: scan first, measure the finalists (SweepPhase)
  bool imported = true;                  ///< try the tiles of imported engine files too, first of all
  bool between = true;                   ///< measure between the batches too, where the engine takes the nearest one's
  ChoiceRule choice = {};                ///< when a tile beats the default; fields "level" and "min_gain"
  std::optional<std::string> recording;  ///< upload id: look the samples up instead of measuring
  bool compile = false;                  ///< with a recording: really compile the kernels
  /// Measured instead of a space, beside the default of each batch; by batch, in the order of their turns.
  std::map<std::int64_t, std::vector<TileConfig>> candidates = {};
  std::optional<Rounds> rounds = {};  ///< the candidates take turns, to be compared with each other
  bool best_known = false;            ///< the last candidate of each batch was the fastest known when they were named

  bool operator==(const SweepSpec&) const = default;
};

nlohmann::ordered_json to_json(const SweepSpec& spec);

/// Strict. E, N, hidden_size and topk are required, or model (the object of a config.json) with tp and ep in their
/// place (with_problem_of_model()); the rest has the defaults above (batch: those of the candidates, else
/// default_batches()). Errors:
/// invalid_argument naming the field; conflict for a model with nothing to tune.
Result<SweepSpec> sweep_spec_from_json(const nlohmann::json& value);

enum class SweepState { queued, running, paused, done, failed, cancelled };

/// A sweep of a Triton kernel first scans a variant of it that takes GROUP_SIZE_M at run time, so that far fewer
/// kernels are compiled; the rows that can be chosen are then measured on the kernel itself. Other sweeps have no scan.
enum class SweepPhase { scan, measure };

std::string_view name_of(SweepPhase phase);
Result<SweepPhase> sweep_phase_from_name(std::string_view name);

std::string_view name_of(SweepState state);
Result<SweepState> sweep_state_from_name(std::string_view name);
/// done, failed and cancelled sweeps never run again.
bool is_final(SweepState state);

}  // namespace moetune::schema
