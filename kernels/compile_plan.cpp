#include "kernels/compile_plan.hpp"

#include "kernels/step_kernels.hpp"

namespace moetune::kernels {
namespace {

using schema::Result;

/// "-DNAME=VALUE" options under their names, the rest as a list: what `cache explain` shows, and all of what the
/// compiler is told apart from source and architecture.
nlohmann::json options_to_json(const std::vector<std::string>& options) {
  auto defines = nlohmann::json::object();
  auto flags = nlohmann::json::array();
  for (const auto& option : options) {
    if (!option.starts_with("-D")) {
      flags.push_back(option);
      continue;
    }
    const auto equals = option.find('=');
    defines[option.substr(2, equals - 2)] = equals == std::string::npos ? "1" : option.substr(equals + 1);
  }
  return {{"defines", defines}, {"flags", flags}};
}

}  // namespace

Result<CompilePlan> plan_compile(const CompileJob& job) {
  CompilePlan plan;
  plan.parts.kernel = "cuda";
  plan.parts.arch = job.arch;
  plan.parts.unit = job.unit;
  if (job.unit == Unit::step) {
    plan.parts.kernel_digest = step_digest();
    plan.request = step_compile_request(job.arch);
  } else {
    const auto variant = make_variant(job.problem, job.config, job.arch);
    if (!variant) return std::unexpected(variant.error());
    plan.parts.kernel_digest = kernel_digest();
    plan.request = compile_request(*variant);
    plan.shared_bytes = shared_bytes(*variant);
    plan.shared_limit = shared_limit_of(job.arch);
  }
  plan.parts.options = options_to_json(plan.request.options);
  return plan;
}

Result<ArtifactParts> artifact_parts(const CompileJob& job, const std::string& compiler) {
  auto plan = plan_compile(job);
  if (!plan) return std::unexpected(plan.error());
  plan->parts.compiler = compiler;
  return std::move(plan->parts);
}

}  // namespace moetune::kernels
