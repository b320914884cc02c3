#include "daemon/sweep/triton_toolchain.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "daemon/supervisor/pipe_input.hpp"
#include "daemon/supervisor/run_program.hpp"
#include "schema/strict_json.hpp"

namespace moetune::daemon {
namespace {

using nlohmann::json;
using schema::ErrorCode;
using schema::fail;
using schema::Result;

constexpr auto k_question_time = std::chrono::seconds(60);
constexpr std::size_t k_max_answer = 64 << 20;
constexpr int k_max_depth = 16;
constexpr const char* k_remedy = "run make setup, or name a Python that has Triton with --python";

constexpr const char* k_script = "inspect_engines.py";

Result<json> read_answer(const std::string& text) {
  return schema::parse_json(text, fmt::format("the answer of {}", k_script), k_max_depth);
}

}  // namespace

bool is_triton_kernel(const std::string& kernel) {
  return kernel != "cuda";
}

std::vector<std::string> TritonToolchain::command(const char* script) const {
  std::vector<std::string> argv = {paths_.python.string(), (paths_.scripts / script).string()};
  for (const auto& path : paths_.engine_paths) argv.insert(argv.end(), {"--engine-path", path.string()});
  for (const auto& path : paths_.kernel_paths) argv.insert(argv.end(), {"--kernel-path", path.string()});
  return argv;
}

Result<json> TritonToolchain::look_around() const {
  const auto argv = command(k_script);
  const auto end = run_program({.argv = argv, .environment = {}}, "", k_question_time, k_max_answer);
  if (!end) return std::unexpected(end.error());
  if (end->out.empty()) {
    return fail(ErrorCode::unavailable,
                fmt::format("{} {}: {}", argv.front(), to_text(end->status), last_line_of(end->err)));
  }
  return read_answer(end->out);
}

TritonToolchain TritonToolchain::examine(Paths paths) {
  TritonToolchain toolchain;
  toolchain.paths_ = std::move(paths);
  auto facts = toolchain.look_around();
  if (!facts) {
    toolchain.missing_ = fmt::format("{} ({})", facts.error().message, k_remedy);
    return toolchain;
  }
  const json triton = facts->value("triton", json::object());
  if (triton.value("supported", false)) {
    toolchain.compiler_ = "triton " + triton.value("version", "");
    toolchain.missing_.clear();
  } else {
    toolchain.missing_ =
        fmt::format("{}: {} ({})", toolchain.paths_.python.string(), triton.value("reason", "no Triton"), k_remedy);
  }
  toolchain.facts_ = std::move(*facts);
  return toolchain.with_own_planner();
}

TritonToolchain TritonToolchain::with_own_planner() const {
  TritonToolchain toolchain = *this;
  if (compiler_.empty()) return toolchain;
  auto argv = command(k_script);
  argv.insert(argv.begin() + 2, "plan");
  toolchain.planner_ = std::make_shared<Conversation>(Conversation::Options{
      .command = {.argv = std::move(argv), .environment = {}}, .limit = k_question_time, .max_bytes = k_max_answer});
  (void)toolchain.planner_->start();  // the first plan says what is wrong
  return toolchain;
}

bool TritonToolchain::reads_down_file(const std::string& engine) const {
  const json engines = facts_.value("engines", json::array());
  return std::ranges::any_of(
      engines, [&](const json& facts) { return facts.value("name", "") == engine && facts.value("down_file", false); });
}

Result<TritonPlan> TritonToolchain::plan(const TritonPlanRequest& request) const {
  if (compiler_.empty()) {
    return fail(ErrorCode::unavailable, fmt::format("kernel {}: no Triton: {}", request.kernel, missing_));
  }
  const auto text = planner_->ask(to_json(request).dump());
  if (!text) return std::unexpected(text.error());
  const auto answer = read_answer(*text);
  if (!answer) return std::unexpected(answer.error());
  return triton_plan_from_json(*answer, request);
}

Command TritonToolchain::worker(const std::string& kernel, std::int64_t memory_limit_mib) const {
  Command worker{.argv = command("compile_worker.py"), .environment = {}};
  worker.argv.insert(worker.argv.end(), {"--kernel", kernel, "--memory-limit-mib", std::to_string(memory_limit_mib)});
  return worker;
}

}  // namespace moetune::daemon
