#include "schema/engine_log.hpp"

#include <algorithm>

#include "tests/fuzz/demand.hpp"
#include "tests/fuzz/target.hpp"

namespace moetune::fuzz {
namespace {

using schema::EngineLogFindings;
using schema::LoggedFile;

EngineLogFindings read_in_pieces(std::string_view input, std::size_t size) {
  schema::EngineLog log;
  while (!input.empty()) {
    log.read(input.substr(0, size));
    input.remove_prefix(std::min(size, input.size()));
  }
  return log.finish();
}

/// What was read is a name that the engine writes, but for spaces that a wrapped line may have lost.
void demand_name(const LoggedFile& file) {
  const auto read = schema::engine_file_name_from_text(file.text);
  demand(read && read->num_experts == file.name.num_experts && read->device == file.name.device,
         "a file's name can be read again");
  const auto problem = problem_of(file.name);
  if (!problem) {
    demand_reason(problem.error());
    return;
  }
  if (file.engine == schema::EngineFormat::vllm && file.name.gemm == schema::Gemm::down) return;
  const auto written = engine_file_name(file.engine, file.name.device, *problem, file.name.gemm);
  demand(written.has_value(), "a file's name can be written");
  const auto again = schema::engine_file_name_from_text(*written);
  demand(again && again->device == file.name.device && again->block_shape == file.name.block_shape,
         "a file's name survives being written and read");
}

void demand_list(const std::vector<LoggedFile>& files) {
  demand(files.size() <= schema::k_most_logged, "lists are bounded");
  for (const LoggedFile& file : files) {
    demand(std::ranges::count(files, file) == 1, "files are distinct");
    demand_name(file);
  }
}

}  // namespace

void try_input(std::string_view input) {
  const EngineLogFindings findings = schema::read_engine_log(input);
  for (const auto* files : {&findings.missing, &findings.found, &findings.named}) demand_list(*files);
  demand(findings.backends.size() <= schema::k_most_logged && findings.invariance.size() <= schema::k_most_logged &&
             findings.unreadable.size() <= schema::k_most_logged,
         "lists are bounded");
  for (const auto& backend : findings.backends) demand(!backend.words.empty(), "a backend has words");
  for (const std::size_t size : {1UL, 13UL}) {
    demand(read_in_pieces(input, size) == findings, "pieces make no difference");
  }
}

}  // namespace moetune::fuzz
