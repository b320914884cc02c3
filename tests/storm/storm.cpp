#include "tests/storm/storm.hpp"

#include <SQLiteCpp/SQLiteCpp.h>

#include <cstdlib>
#include <random>

namespace moetune::storm {
namespace {

std::size_t setting(const char* name, std::size_t otherwise) {
  const char* text = std::getenv(name);
  return text ? std::stoul(text) : otherwise;
}

}  // namespace

Weather::Weather()
    : kills(setting("MOETUNE_STORM_KILLS", 12)),
      seed(static_cast<unsigned>(setting("MOETUNE_STORM_SEED", std::random_device{}() % 100'000))) {}

e2e::ProblemInSpace storm_problem(std::size_t kills) {
  nlohmann::json stages = {2};
  if (kills > 20) stages = {2, 3, 4, 5};
  return {.problem = {8, 256, 256, 2, schema::Dtype::none, schema::ActDtype::bfloat16, std::nullopt, true, false},
          .space = {{"BLOCK_SIZE_M", {16, 32, 64}},
                    {"BLOCK_SIZE_N", {32, 64, 128}},
                    {"BLOCK_SIZE_K", {32, 64}},
                    {"GROUP_SIZE_M", {1, 32}},
                    {"num_warps", {4, 8}},
                    {"num_stages", stages}},
          .batches = {1, 16, 64, 512}};
}

Site::Site() {
  restart();
}

void Site::restart() {
  daemon_.reset();
  daemon_ = std::make_unique<e2e::RunningDaemon>(
      e2e::RunningDaemon::Options{.data_dir = data_dir(),
                                  .cache_dir = folder_.path() / "cache",
                                  .arguments = {"--compile-jobs", std::to_string(k_compile_jobs)}});
}

std::string Site::exported() {
  return daemon_->get("/export?E=8&N=256&kernel=cuda&allow_recorded=1").body;
}

AttemptCounts count_attempts(const std::filesystem::path& data_dir) {
  SQLite::Database database(data_dir / "results.db", SQLite::OPEN_READONLY);
  database.setBusyTimeout(5000);
  SQLite::Statement query(database, R"(
    SELECT count(*) FILTER (WHERE kind = 'compile'),
           count(*) FILTER (WHERE kind = 'measure'),
           count(*) FILTER (WHERE kind = 'compile' AND attempt_id IS NULL),
           count(*) FILTER (WHERE kind = 'measure' AND attempt_id IS NULL)
    FROM attempts LEFT JOIN attempt_outcomes ON attempt_id = attempts.id)");
  query.executeStep();
  const auto at = [&](int column) { return static_cast<std::size_t>(query.getColumn(column).getInt64()); };
  return {.compiles = at(0), .measurements = at(1), .open_compiles = at(2), .open_measurements = at(3)};
}

}  // namespace moetune::storm
