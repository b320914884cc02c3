#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "db/connection.hpp"
#include "db/trial_listing.hpp"
#include "schema/trial.hpp"

/// Writing and reading of whole trial rows, for the stores that have found out which. All throw Fault.
namespace moetune::db {

/// Where a row belongs.
struct TrialPlace {
  std::int64_t run = 0;
  std::int64_t group = 0;
  std::int64_t environment = 0;
  std::int64_t config = 0;
  std::int64_t repetition = 0;  ///< 0 in a sweep; measured_at of an imported row
  std::int64_t twin = 0;        ///< 0 in a sweep; tells imported rows of one moment apart
};

/// Stores the row without its samples; nothing when its key is taken. Returns its id, or nothing.
std::optional<std::int64_t> insert_trial(Connection& connection, const TrialPlace& place, const schema::Trial& trial);

struct KnownTrial {
  std::int64_t id = 0;
  bool is_new = false;  ///< stored just now, still without its samples
};
/// Stores an imported row without its samples, beside those of the same place that say something else; nothing when one
/// says the same in every field, samples included. How its samples fall into rounds says nothing else.
KnownTrial insert_unless_known(Connection& connection, TrialPlace place, const schema::Trial& trial);

/// The row of this place that says the same as `trial` in every field, samples included, rounds or not.
std::optional<std::int64_t> find_known(Connection& connection, const TrialPlace& place, const schema::Trial& trial);

/// The trial with this id, samples included. The id must be that of a row.
StoredTrial read_trial(Connection& connection, std::int64_t id);

/// The stages of a row as their column has them, JSON; none without any.
std::optional<std::string> stages_text(const schema::Trial& trial);
/// The stages of a row, from their column; empty for null.
std::map<std::string, double> read_stages(const Query& row, int column);

/// Whose samples: a candidate of a sweep, measured on that GPU; on whichever where it is not known.
struct SamplesOf {
  std::int64_t run = 0;
  std::int64_t batch = 0;
  std::int64_t config = 0;
  std::optional<std::string> gpu_uuid = {};
};
/// Its samples by chunk, in the order of their arrival: a round of a candidate that takes turns.
std::vector<std::vector<double>> read_rounds(Connection& connection, const SamplesOf& whose);
/// All samples of a row, and what its rounds were.
struct RowSamples {
  std::vector<double> samples_us;
  std::vector<double> rounds_us;         ///< the median of each
  std::vector<std::int64_t> rounds;      ///< how many samples each had
  std::optional<std::string> rounds_of;  ///< label of the sweep in which they were taken, where that is another one
};
/// Of a row of a sweep.
RowSamples read_row_samples(Connection& connection, const SamplesOf& whose);
/// The same samples alone.
std::vector<double> read_samples(Connection& connection, const SamplesOf& whose);
/// Of an imported row; without rounds where nobody told them.
RowSamples read_imported_samples(Connection& connection, std::int64_t trial);

}  // namespace moetune::db
