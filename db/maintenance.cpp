#include "db/maintenance.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "db/checksum_vfs.hpp"
#include "db/connection.hpp"
#include "db/database_file.hpp"
#include "queries.hpp"

namespace moetune::db {
namespace {

/// A rule: the statement lists the rows that break it.
struct Rule {
  std::string_view sql;
  std::string_view message;
};

/// Lists what is found, up to the limit.
class Findings {
 public:
  explicit Findings(std::vector<std::string>& found) : found_(found) {}
  bool full() const { return found_.size() >= CheckReport::k_max_findings; }
  void add(std::string finding) {
    if (!full()) found_.push_back(std::move(finding));
  }
  /// Runs one part of the check; a page that cannot be read ends the part and is a finding itself.
  template <typename Part>
  void collect(Part&& part) {
    if (full()) return;
    try {
      part();
    } catch (const Fault& fault) {
      if (std::ranges::find(found_, fault.error().message) == found_.end()) add(fault.error().message);
    }
  }

 private:
  std::vector<std::string>& found_;
};

void check_pages(Connection& connection, Findings& findings) {
  auto row = connection.query(sql::check_integrity_sql);
  while (row.step() && !findings.full()) {
    if (row.text(0) != "ok") findings.add(row.text(0));
  }
}

void check_references(Connection& connection, Findings& findings) {
  auto row = connection.query(sql::check_foreign_keys_sql);
  while (row.step() && !findings.full()) {
    findings.add(fmt::format("row {} of {} refers to a missing row of {}", row.integer(1), row.text(0), row.text(2)));
  }
}

void check_rule(Connection& connection, const Rule& rule, Findings& findings) {
  auto row = connection.query(rule.sql);
  while (row.step() && !findings.full()) findings.add(fmt::format("{}: {}", rule.message, row.text(0)));
}

void check_rules(Connection& connection, Findings& findings) {
  const std::array rules = {
      Rule{sql::check_latencies_sql, "latency_us must be there if and only if the status is ok; trial"},
      Rule{sql::check_places_sql, "run, group, environment, repetition and twin do not belong together; trial"},
      Rule{sql::check_configs_sql,
           "GEMM 2's tile must be a single one with the same BLOCK_SIZE_M, not GEMM 1's; config"},
      Rule{sql::check_samples_sql, "samples of a row that cannot have them"},
      Rule{sql::check_tallies_sql, "a tally differs from its trials; group, status, batch, run"},
      Rule{sql::check_attempts_sql, "open_attempts differs from the attempts without an outcome; attempt"},
      Rule{sql::check_candidates_sql, "a candidate has one tile for both GEMMs; set"},
      Rule{sql::check_traffic_sql,
           "steps have times for none or all numbers of tokens, and there are some; import of traffic"},
      Rule{sql::check_json_sql, "a stored document is not JSON"},
      Rule{sql::check_stages_sql, "stages_us must be an object"},
      Rule{sql::check_rounds_sql, "the rounds of an imported row must have all of its samples; trial"},
  };
  for (const Rule& rule : rules) findings.collect([&] { check_rule(connection, rule, findings); });
}

}  // namespace

Result<CheckReport> check_database(const std::filesystem::path& data_dir) {
  const std::filesystem::path file = database_path(data_dir);
  auto mode = examine_for_reading(file, data_dir / "daemon.lock", results_schema());
  if (!mode) return std::unexpected(mode.error());
  return guarded([&]() -> Result<CheckReport> {
    // A connection of its own: every page comes from the file, none from another one's cache.
    Connection connection({.path = file, .mode = *mode});
    connection.execute("BEGIN");
    CheckReport report;
    report.schema_version = connection.integer("PRAGMA user_version");
    report.bytes = connection.integer("PRAGMA page_count") * k_page_bytes;
    Findings findings(report.findings);
    findings.collect([&] { check_pages(connection, findings); });
    findings.collect([&] { check_references(connection, findings); });
    check_rules(connection, findings);
    findings.collect([&] {
      auto counts = connection.query(sql::count_rows_sql);
      if (!counts.step()) return;
      report.trials = counts.integer(0);
      report.sweeps = counts.integer(1);
    });
    return report;
  });
}

}  // namespace moetune::db
