#pragma once

#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "daemon/supervisor/child_process.hpp"
#include "tests/e2e/problem_in_space.hpp"

namespace moetune::e2e {

/// A folder of its own that is gone with the test.
class TempFolder {
 public:
  TempFolder();
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  ~TempFolder();
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

struct Answer {
  int status = 0;
  std::string body;
  /// The body as JSON; null when it is none.
  nlohmann::json json() const { return nlohmann::json::parse(body, nullptr, false); }
};

/// A real moetuned on a free port with its own data and cache folder, killed with the object.
class RunningDaemon {
 public:
  struct Options {
    std::filesystem::path data_dir;
    std::filesystem::path cache_dir;
    std::vector<std::string> arguments = {};
    std::vector<std::pair<std::string, std::string>> environment = {};
  };
  /// Throws std::runtime_error with the daemon's log when it does not come up.
  explicit RunningDaemon(Options options);
  ~RunningDaemon();

  const std::string& url() const { return url_; }
  pid_t pid() const { return child_->pid(); }

  Answer get(const std::string& path) const;
  Answer post(const std::string& path, const std::string& body = "",
              const std::string& type = "application/json") const;
  /// Uploads a recording and returns its id.
  std::string upload(const std::string& bytes) const;
  /// POST /sweeps; returns the id. Throws with the answer unless it is 202.
  std::int64_t create_sweep(const nlohmann::json& spec) const;
  /// Uploads the recording of a problem and creates its sweep; returns the id.
  std::int64_t tune(const ProblemInSpace& problem, bool compile) const;
  nlohmann::json sweep(std::int64_t id) const;
  /// What GET /doctor says of a check ("Triton") that is not ok, for a test to skip with.
  std::optional<std::string> lacks(const std::string& check) const;
  /// Polls until the sweep is in one of the states; throws after `patience` with its last view and the log.
  nlohmann::json wait_for(std::int64_t id, const std::vector<std::string>& states,
                          std::chrono::seconds patience = std::chrono::seconds(240)) const;
  /// Polls until that many trials are done.
  nlohmann::json wait_for_trials(std::int64_t id, std::int64_t count,
                                 std::chrono::seconds patience = std::chrono::seconds(120)) const;

  /// kill -9 of the daemon alone; its workers notice by themselves.
  void kill();
  /// SIGTERM; returns its exit status.
  std::optional<int> terminate();
  /// Pids of worker processes whose executable has that name.
  std::vector<pid_t> workers(const std::string& executable) const;
  std::string log() const;

 private:
  Options options_;
  std::optional<daemon::ChildProcess> child_;
  std::string url_;
};

/// "best" of a sweep's view, without the names of sweeps and the words, so that those of two can be compared.
nlohmann::json best_of(const nlohmann::json& view);

/// Runs a program to its end and returns its exit status and what it printed.
struct Finished {
  int status = -1;
  std::string out;
  std::string err;
};
Finished run_program(const std::vector<std::string>& argv,
                     const std::vector<std::pair<std::string, std::string>>& environment = {},
                     std::chrono::seconds patience = std::chrono::seconds(240));

/// The path of one of our executables.
std::string executable(const std::string& name);

}  // namespace moetune::e2e
