#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cli/commands/command.hpp"
#include "cli/kernel_share.hpp"
#include "schema/engine_log.hpp"

namespace moetune::cli {

/// One sweep to create.
struct SweepRequest {
  nlohmann::ordered_json spec;  ///< the body of POST /sweeps
  std::string title;            ///< tells it from the others of its command: "Qwen3MoeForCausalLM, tp 4"
  /// The engine's file that the sweep is about, if it is about one.
  std::optional<schema::LoggedFile> file = {};
};

enum class Detach { no, yes };

/// Checks a spec as the daemon will. Errors: invalid_argument in terms of `tune`'s flags.
schema::Result<void> check_spec(const nlohmann::ordered_json& spec);

/// Creates one sweep for each request, in their order, and returns their ids. `recording`: the file, as the user named
/// it, that use_recording() has uploaded for them; empty for none. Where one is refused, those created before it are
/// cancelled.
schema::Result<std::vector<std::int64_t>> create_sweeps(Context& context, const Client& client,
                                                        const std::vector<SweepRequest>& requests,
                                                        const std::string& recording);

/// Creates one sweep for each request, in their order, and follows one after another to their ends; with Detach::yes
/// says only what was created. `recording`: the file that every sweep takes its times from, uploaded once; empty for
/// none. One sweep is shown as `tune` always showed it; several each under their title, and with --json together as
/// {"sweeps": [what GET /sweeps/{id} answers, ...]}. Where one is refused, those created before it are cancelled.
/// `share` goes into the verdict on each. Failed when any sweep failed or was cancelled. Precondition: at least one
/// request.
schema::Result<ExitStatus> tune_all(Context& context, std::vector<SweepRequest> requests, const std::string& recording,
                                    Detach detach, const KernelShare& share = {});

}  // namespace moetune::cli
