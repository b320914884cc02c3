#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "db/trial_import.hpp"
#include "db/trial_listing.hpp"
#include "schema/engine_rules.hpp"
#include "schema/trial.hpp"
#include "tests/fuzz/demand.hpp"
#include "tests/fuzz/scratch_folder.hpp"
#include "tests/fuzz/target.hpp"

namespace moetune::fuzz {
namespace {

using schema::Trial;

constexpr int k_inputs_per_database = 500;

/// A database that is made anew now and then, so that it stays small.
struct Store {
  ScratchFolder folder;
  std::unique_ptr<db::Database> database;
  std::int64_t last_row = 0;
  int inputs = 0;

  Store() {
    auto opened = db::Database::open(folder.path(), db::Access::read_write);
    demand(opened.has_value(), "a database can be made");
    database = std::move(*opened);
  }
};

Store& current_store() {
  static std::unique_ptr<Store> store;
  if (!store || ++store->inputs > k_inputs_per_database) {
    store.reset();
    store = std::make_unique<Store>();
  }
  return *store;
}

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

/// The row when the line is one; what is written of it is read as the same row, and says the same again.
std::optional<Trial> read_row(const std::string& line) {
  const auto trial = schema::trial_from_line(line);
  if (!trial) {
    demand_reason(trial.error());
    return std::nullopt;
  }
  const std::string text = schema::to_json(*trial).dump();
  const auto again = schema::trial_from_line(text);
  demand(again.has_value(), again ? "" : "a row that was written is refused: " + again.error().message);
  demand(*again == *trial, "a row that was written is read as it was");
  demand(schema::to_json(*again).dump() == text, "a row has one text");
  return *trial;
}

/// The row as a database gives it back: what is not known and what is empty are the same there.
Trial as_stored(Trial trial) {
  if (trial.group.origin == schema::Origin::measured) trial.group.origin = schema::Origin::imported;
  for (auto* field : {&trial.gpu_uuid, &trial.driver, &trial.tool_version, &trial.sweep}) {
    if (field->has_value() && (*field)->empty()) field->reset();
  }
  return trial;
}

std::vector<db::StoredTrial> rows_after(const db::Database& database, std::int64_t id) {
  db::TrialFilter filter;
  filter.include_discarded = true;
  auto rows = database.read([&](db::Snapshot& snapshot) { return db::list_trials(snapshot, filter, id, 100'000); });
  demand(rows.has_value(), rows ? "" : rows.error().message);
  return std::move(*rows);
}

db::ImportReport import(db::Database& database, const std::vector<std::string>& lines) {
  std::size_t next = 0;
  const db::LineSource source = [&](std::string& line) -> db::Result<bool> {
    if (next == lines.size()) return false;
    line = lines[next++];
    return true;
  };
  const db::ImportOptions options{[](const schema::Problem& problem, std::int64_t batch) {
                                    return std::optional(schema::default_config(problem, batch));
                                  },
                                  schema::default_config_source()};
  auto report = db::import_trials(database, source, options);
  demand(report.has_value(), report ? "" : "the import failed: " + report.error().message);
  return std::move(*report);
}

void demand_stored(const std::vector<std::string>& lines, const std::vector<Trial>& accepted) {
  Store& store = current_store();
  const auto report = import(*store.database, lines);
  demand(report.inserted + report.duplicates == std::ssize(accepted), "every accepted row is stored or known");
  demand(report.rows == report.inserted + report.duplicates + report.rejected, "every line is counted once");
  for (const auto& rejection : report.rejections) demand(!rejection.message.empty(), "a rejection has a reason");
  const auto added = rows_after(*store.database, store.last_row);
  demand(std::ssize(added) == report.inserted, "what was inserted is listed");
  for (const auto& row : added) {
    store.last_row = row.id;
    demand(std::ranges::find(accepted, as_stored(row.trial)) != accepted.end(), "a stored row is one of the file's");
  }
  demand(import(*store.database, lines).inserted == 0, "the same file adds nothing the second time");
}

}  // namespace

/// The text of an import.
void try_input(std::string_view input) {
  const auto lines = lines_of(input);
  std::vector<Trial> accepted;
  for (const auto& line : lines) {
    if (auto trial = read_row(line)) accepted.push_back(as_stored(std::move(*trial)));
  }
  if (!accepted.empty()) demand_stored(lines, accepted);
}

}  // namespace moetune::fuzz
