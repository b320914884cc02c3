#include "tests/db/database_image.hpp"

#include <fmt/format.h>

#include <fstream>
#include <functional>
#include <iterator>

#include "db/attempt_store.hpp"
#include "db/best_query.hpp"
#include "db/catalog.hpp"
#include "db/sweep_store.hpp"
#include "db/trial_listing.hpp"

namespace moetune::db {
namespace {

std::string read_file(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

void write_file(const std::filesystem::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc)
      .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

Result<std::string> sweeps_in(Snapshot& snapshot) {
  auto sweeps = list_sweeps(snapshot, std::nullopt, 1000);
  if (!sweeps) return std::unexpected(sweeps.error());
  std::string text;
  for (const Sweep& sweep : *sweeps) {
    text += fmt::format("sweep {} {} {} {} {} {} {}\n", sweep.id, sweep.label, to_json(sweep.spec).dump(),
                        name_of(sweep.state), sweep.resolved.dump(), sweep.compiles.done, sweep.discarded);
    auto attempts = open_attempts(snapshot, sweep.id);
    if (!attempts) return std::unexpected(attempts.error());
    for (const Attempt& attempt : *attempts)
      text += fmt::format("open attempt {} {}\n", attempt.id, attempt.artifact_key);
  }
  return text;
}

Result<std::string> bests_in(Snapshot& snapshot) {
  auto groups = matching_groups(snapshot, {}, Versions::all);
  if (!groups) return std::unexpected(groups.error());
  std::string text;
  for (const GroupMatch& match : *groups) {
    auto rows = best_of_group(snapshot, match.id);
    if (!rows) return std::unexpected(rows.error());
    for (const BatchBest& row : *rows) {
      text += fmt::format("best {} {} {} {} of {}\n", match.group.device, row.batch, short_text(row.best.config),
                          row.best.latency_us, row.rows);
      if (row.default_row) text += fmt::format("default {}\n", row.default_row->latency_us);
    }
  }
  return text;
}

Result<std::string> catalog_in(Snapshot& snapshot) {
  auto devices = list_devices(snapshot, std::nullopt, 1000);
  auto problems = list_problems(snapshot, std::nullopt, 1000);
  if (!devices) return std::unexpected(devices.error());
  if (!problems) return std::unexpected(problems.error());
  std::string text;
  for (const DeviceEntry& device : *devices) text += fmt::format("device {} {}\n", device.name, device.rows);
  for (const ProblemEntry& entry : *problems) text += fmt::format("{} {}\n", short_text(entry.problem), entry.ok_rows);
  return text;
}

}  // namespace

Result<std::string> everything_in(const Database& database) {
  std::string text = database.uuid() + "\n";
  for (const auto& part : {sweeps_in, bests_in, catalog_in}) {
    const auto answer = database.read(part);
    if (!answer) return answer;
    text += *answer;
  }
  const TrialFilter all{.include_discarded = true};
  const auto visited = for_each_trial(database, all, std::nullopt, [&](const StoredTrial& row) {
    text += fmt::format("{} {} {}\n", row.id, row.discarded, to_json(row.trial).dump());
    return true;
  });
  if (!visited) return std::unexpected(visited.error());
  return text;
}

DatabaseImage DatabaseImage::of(const std::filesystem::path& data_dir) {
  const std::string file = database_path(data_dir).string();
  return {read_file(file), read_file(file + "-wal")};
}

void DatabaseImage::lay_down(const std::filesystem::path& data_dir) const {
  const std::string path = database_path(data_dir).string();
  std::filesystem::create_directories(data_dir);
  for (const char* suffix : {"-wal", "-shm", "-journal"}) std::filesystem::remove(path + suffix);
  write_file(path, file);
  if (!log.empty()) write_file(path + "-wal", log);
}

Result<std::string> read_back(const std::filesystem::path& data_dir) {
  auto database = Database::open(data_dir, Access::read_write);
  if (!database) return std::unexpected(database.error());
  return everything_in(**database);
}

}  // namespace moetune::db
