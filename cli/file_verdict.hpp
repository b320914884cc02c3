#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cli/compared_file.hpp"
#include "schema/error.hpp"
#include "schema/tile_config.hpp"

namespace moetune::cli {

/// How a row does against another configuration of its batch, as GET /sweeps/{id}/comparison judges it; "identical"
/// where the two run the same.
struct Against {
  std::string standing;  ///< faster, slower, same, unclear, identical
  double speedup = 1;    ///< the other's time over the row's
  double low = 1;
  double high = 1;
};

/// What a file is worth for one batch.
struct BatchVerdict {
  std::int64_t batch = 0;
  std::int64_t key = 0;  ///< of the row that the engine takes
  schema::TileConfig config;
  std::string status;  ///< of the row's trial; "not_measured" where it has none
  std::optional<double> latency_us;
  std::string default_status;  ///< of the default's, the same way; "unknown" when the default is not known
  std::optional<double> default_us;
  std::optional<schema::TileConfig> best;  ///< the best known configuration, if any
  std::optional<double> best_us;
  std::optional<Against> versus_default;
  std::optional<Against> versus_best;
  std::optional<Against> versus_first;  ///< the first file, of several

  bool is_measured() const { return status != "not_measured"; }
  /// The engine would fail, or compute garbage, at this batch.
  bool is_refused() const { return is_measured() && status != "ok"; }
};

/// All batches against one of the others.
struct Tally {
  std::map<std::string, std::vector<std::int64_t>> batches;  ///< by standing
  std::optional<double> geomean;                             ///< of the speedups
  std::optional<std::int64_t> worst_batch;                   ///< where the speedup is least
  double worst_speedup = 1;

  std::size_t count(const std::string& standing) const;
};

struct FileVerdict {
  std::string path;
  std::vector<BatchVerdict> batches;  ///< ascending
  Tally versus_default;
  Tally versus_best;
  Tally versus_first;
  std::vector<std::int64_t> refused;
  std::vector<std::int64_t> not_measured;

  /// Nothing speaks against serving with it: no batch is refused or slower than the default, and some were measured.
  bool is_good() const;
};

/// `comparison`: what GET /sweeps/{id}/comparison answers. `known`: the best known configuration by batch, as it runs;
/// empty where nothing is known. Errors: invalid_argument from ComparedFile::row_for(); data_damaged when the answer is
/// none.
schema::Result<std::vector<FileVerdict>> verdicts_of(const std::vector<ComparedFile>& files,
                                                     const schema::Problem& problem,
                                                     const nlohmann::ordered_json& comparison,
                                                     const std::map<std::int64_t, schema::TileConfig>& known);

nlohmann::ordered_json to_json(const FileVerdict& verdict);

}  // namespace moetune::cli
