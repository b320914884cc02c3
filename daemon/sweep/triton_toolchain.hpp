#pragma once

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "daemon/supervisor/child_process.hpp"
#include "daemon/supervisor/conversation.hpp"
#include "daemon/sweep/triton_plan.hpp"
#include "schema/error.hpp"

namespace moetune::daemon {

/// The second compiler: Triton in a Python, driven by the scripts in kernels/triton/. Looked at once when the daemon
/// starts. Plans come from a process that stays, since a Python takes longer to start than to answer; it reads the
/// engine's files for each, and imports neither Triton nor an engine. Thread-safe; copies share that process.
class TritonToolchain {
 public:
  struct Paths {
    std::filesystem::path python;
    std::filesystem::path scripts;  ///< the folder of compile_worker.py
    std::vector<std::filesystem::path> engine_paths;
    std::vector<std::filesystem::path> kernel_paths;
  };

  /// Without a Triton.
  TritonToolchain() = default;
  /// Asks that Python; a machine without it, or without Triton, is no error.
  static TritonToolchain examine(Paths paths);

  /// "triton 3.6.0"; empty without one.
  const std::string& compiler() const { return compiler_; }
  /// Why there is none, and what to do.
  const std::string& missing() const { return missing_; }
  /// All that inspect_engines.py said: engines, their versions, what can be tuned with them.
  const nlohmann::json& facts() const { return facts_; }

  /// The same with a process of its own for plans, which wait for nobody else's.
  TritonToolchain with_own_planner() const;

  /// Whether that engine looks for a second file, with GEMM 2's tiles.
  bool reads_down_file(const std::string& engine) const;

  /// Errors: unavailable without Triton; invalid_argument with the reason when the kernel is not there or cannot be
  /// tuned for the problem.
  schema::Result<TritonPlan> plan(const TritonPlanRequest& request) const;

  /// A compile worker for one kernel.
  Command worker(const std::string& kernel, std::int64_t memory_limit_mib) const;

 private:
  std::vector<std::string> command(const char* script) const;
  schema::Result<nlohmann::json> look_around() const;
  Paths paths_;
  std::string compiler_;
  std::string missing_ = "no Python with Triton was looked for";
  nlohmann::json facts_ = nlohmann::json::object();
  std::shared_ptr<Conversation> planner_;  ///< where there is a compiler
};

/// Whether a sweep's kernel is compiled by Triton: all but cuda are.
bool is_triton_kernel(const std::string& kernel);

}  // namespace moetune::daemon
