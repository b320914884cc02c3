#include "db/trial_import.hpp"

#include <fmt/format.h>

#include <future>
#include <map>
#include <utility>

#include "db/imported_rows.hpp"
#include "schema/trial.hpp"

namespace moetune::db {
namespace {

constexpr std::size_t k_rows_of_a_chunk = 5000;
constexpr std::size_t k_bytes_of_a_chunk = 16 << 20;

struct Row {
  schema::Trial trial;
  const std::optional<schema::TileConfig>* default_config = nullptr;
};

struct Chunk {
  std::vector<Row> rows;
  std::size_t bytes = 0;  ///< of their lines
  bool is_full() const { return rows.size() >= k_rows_of_a_chunk || bytes >= k_bytes_of_a_chunk; }
};

/// Lines to rows: parses, rejects, and asks for the engine's default once for each problem and batch.
class Parser {
 public:
  Parser(const ImportOptions& options, ImportReport& report) : options_(options), report_(report) {}

  void add(const std::string& line, std::int64_t number, Chunk& chunk) {
    if (line.find_first_not_of(" \t\r") == std::string::npos) return;
    ++report_.rows;
    auto trial = schema::trial_from_line(line);
    if (!trial) {
      ++report_.rejected;
      if (report_.rejections.size() < ImportReport::k_max_rejections) {
        report_.rejections.push_back({number, std::move(trial.error().message)});
      }
      return;
    }
    if (trial->group.origin == schema::Origin::measured) trial->group.origin = schema::Origin::imported;
    const auto* const default_config = default_for(*trial);
    chunk.rows.push_back({std::move(*trial), default_config});
    chunk.bytes += line.size();
  }

 private:
  /// Points into defaults_, whose nodes stay where they are.
  const std::optional<schema::TileConfig>* default_for(const schema::Trial& trial) {
    const auto [place, added] = defaults_.try_emplace({trial.group.problem, trial.batch});
    if (added && options_.default_config) {
      place->second = options_.default_config(trial.group.problem, trial.batch);
    }
    return &place->second;
  }

  const ImportOptions& options_;
  ImportReport& report_;
  std::map<std::pair<schema::Problem, std::int64_t>, std::optional<schema::TileConfig>> defaults_;
};

/// Chunks to the database, each in a transaction and a thread of its own, so that the next one is parsed meanwhile. One
/// is under way at a time.
class Writer {
 public:
  Writer(Database& database, const ImportOptions& options, ImportReport& report)
      : database_(database), options_(options), report_(report) {}

  /// Waits for the chunk before, then begins to store this one.
  Result<void> store(Chunk chunk) {
    if (auto done = finish(); !done) return done;
    pending_ = std::async(std::launch::async, [this, rows = std::move(chunk.rows)] { return commit(rows); });
    return {};
  }

  Result<void> finish() {
    if (!pending_.valid()) return {};
    const auto counts = pending_.get();
    if (!counts) return std::unexpected(counts.error());
    report_.inserted += counts->inserted;
    report_.duplicates += counts->duplicates;
    report_.completed += counts->completed;
    return {};
  }

 private:
  struct Counts {
    std::int64_t inserted = 0;
    std::int64_t duplicates = 0;
    std::int64_t completed = 0;
  };

  Result<Counts> commit(const std::vector<Row>& rows) {
    bool again = false;
    return database_.write([&](Transaction& transaction) -> Result<Counts> {
      if (std::exchange(again, true)) stored_.forget();
      return guarded([&]() -> Result<Counts> {
        Counts counts;
        for (const Row& row : rows) {
          const Stored stored =
              stored_.store(transaction.connection(), row.trial, *row.default_config, options_.default_source);
          ++(stored == Stored::inserted ? counts.inserted : counts.duplicates);
          if (stored == Stored::completed) ++counts.completed;
        }
        return counts;
      });
    });
  }

  Database& database_;
  const ImportOptions& options_;
  ImportReport& report_;
  ImportedRows stored_;
  std::future<Result<Counts>> pending_;
};

/// The next line, unless there were too many bad ones.
Result<bool> next_of(const LineSource& source, std::string& line, const ImportReport& report, std::int64_t limit) {
  line.clear();
  if (report.rejected <= limit) return source(line);
  const Rejection& first = report.rejections.front();
  return schema::fail(ErrorCode::invalid_argument,
                      fmt::format("more than {} lines are no trials; the first of them is line {}: {}", limit,
                                  first.line, first.message));
}

nlohmann::json progress(const ImportReport& report) {
  return {{"inserted", report.inserted},
          {"duplicates", report.duplicates},
          {"completed", report.completed},
          {"rejected", report.rejected}};
}

Result<void> run_import(const LineSource& next_line, Parser& parser, Writer& writer) {
  std::string line;
  Chunk chunk;
  for (std::int64_t number = 1;; ++number) {
    const auto more = next_line(line);
    if (!more) {
      // What came before the source failed is stored all the same: the next import takes it for duplicates.
      if (auto stored = writer.store(std::move(chunk)); !stored) return stored;
      if (auto stored = writer.finish(); !stored) return stored;
      return std::unexpected(more.error());
    }
    if (!*more) break;
    parser.add(line, number, chunk);
    if (!chunk.is_full()) continue;
    if (auto stored = writer.store(std::exchange(chunk, Chunk())); !stored) return stored;
  }
  if (auto stored = writer.store(std::move(chunk)); !stored) return stored;
  return writer.finish();
}

}  // namespace

Result<ImportReport> import_trials(Database& database, const LineSource& next_line, const ImportOptions& options) {
  ImportReport report;
  Parser parser(options, report);
  Writer writer(database, options, report);
  const LineSource bounded = [&](std::string& line) { return next_of(next_line, line, report, options.max_rejected); };
  auto done = run_import(bounded, parser, writer);
  if (done) return report;
  Error error = std::move(done.error());
  if (!error.detail.is_object()) error.detail = nlohmann::json::object();
  error.detail["committed"] = progress(report);
  return std::unexpected(std::move(error));
}

}  // namespace moetune::db
