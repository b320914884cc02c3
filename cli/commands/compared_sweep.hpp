#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/client.hpp"
#include "cli/commands/command.hpp"
#include "cli/commands/sweep_batch.hpp"
#include "cli/compared_file.hpp"
#include "schema/error.hpp"
#include "schema/problem.hpp"
#include "schema/tile_config.hpp"

namespace moetune::cli {

/// The best known configuration of each batch, as it runs.
using KnownBests = std::map<std::int64_t, schema::TileConfig>;

/// A sweep in which files are measured against the default and the best known.
struct ComparedSweep {
  std::int64_t id = 0;
  schema::Problem problem;
  KnownBests known;  ///< when the sweep was created
};

/// Creates the sweep. Of every batch its candidates are the row that the engine takes from each file, and the fastest
/// configuration that the database knows, found by the nearest key as in a file of them all. `request`: the body of
/// POST /sweeps but for candidates and rounds; `recording` as for use_recording(). Errors: those of
/// ComparedFile::row_for(), check_spec() and the daemon.
schema::Result<ComparedSweep> create_compared_sweep(Context& context, const Client& client,
                                                    const std::vector<ComparedFile>& files, SweepRequest request,
                                                    const std::vector<std::int64_t>& batches,
                                                    const nlohmann::ordered_json& rounds, const std::string& recording);

/// A sweep that an earlier `compare` of these files has created. Errors: not_found; conflict when it is about another
/// problem than the files.
schema::Result<ComparedSweep> take_up_compared_sweep(const Client& client, std::int64_t id,
                                                     const std::vector<ComparedFile>& files);

}  // namespace moetune::cli
