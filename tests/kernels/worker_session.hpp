#pragma once

#include <sys/types.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "kernels/unique_fd.hpp"
#include "kernels/worker_protocol.hpp"

namespace moetune::kernels::testing {

/// A worker as a real process, spoken to through its pipes; its stderr goes to the test's. Killed with the object.
class WorkerSession {
 public:
  using Environment = std::vector<std::pair<std::string, std::string>>;
  explicit WorkerSession(std::vector<std::string> argv, const Environment& environment = {});
  WorkerSession(const WorkerSession&) = delete;
  WorkerSession& operator=(const WorkerSession&) = delete;
  ~WorkerSession();

  pid_t pid() const { return pid_; }
  void send(const nlohmann::json& request) { send_text(request.dump() + "\n"); }
  void send_text(std::string text);
  /// The next line, or nothing at the end of the worker's output or after `patience`.
  std::optional<std::string> receive_text(std::chrono::seconds patience = std::chrono::seconds(60));
  /// The same as JSON. A line that is none fails the test.
  std::optional<nlohmann::json> receive();
  void close_stdin() { to_worker_.reset(); }
  /// How it ended: exit status, or minus the signal. Waits for it.
  int wait();

  /// Sends and receives; an answer that does not come or cannot be read fails the test and gives a default.
  MeasureReady open(const OpenProblem& request);
  MeasureReply measure(const MeasureJob& job);

 private:
  pid_t pid_ = -1;
  UniqueFd to_worker_, from_worker_;
  std::string received_;
  std::optional<int> status_;
};

}  // namespace moetune::kernels::testing
