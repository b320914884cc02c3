#include <string>

#include "schema/candidate_set.hpp"
#include "schema/device_name.hpp"
#include "schema/engine_file_name.hpp"
#include "schema/engine_rows.hpp"
#include "schema/lint/engine_lint.hpp"
#include "tests/fuzz/demand.hpp"
#include "tests/fuzz/target.hpp"

namespace moetune::fuzz {
namespace {

void try_name(std::string_view path) {
  const auto name = schema::engine_file_name_from_text(path);
  if (!name) {
    demand_reason(name.error());
    return;
  }
  if (!name->exact || !name->dtype || name->device.empty() || !name->backend.empty()) return;
  schema::Problem problem;
  problem.num_experts = name->num_experts;
  problem.intermediate_size = name->intermediate_size;
  problem.dtype = *name->dtype;
  problem.block_shape = name->block_shape;
  problem.per_channel_quant = name->per_channel_quant;
  const auto format = name->format.value_or(schema::EngineFormat::vllm);
  // A device may stand there as no engine spells it: with blanks, or as one of the H200's.
  const auto device = schema::device_in_file_name(format, name->device);
  if (!device || *device != name->device) return;
  const auto written = schema::engine_file_name(format, name->device, problem, name->gemm);
  demand(written && path.ends_with(*written), "an exact name is written as it was");
}

void try_rows(std::string_view text) {
  const auto rows = schema::engine_rows_from_text(text);
  if (!rows) {
    demand_reason(rows.error());
    return;
  }
  const std::string written = schema::engine_rows_text(*rows);
  const auto again = schema::engine_rows_from_text(written);
  demand(again.has_value() || written.size() > schema::k_max_engine_file, "what is written can be read");
  if (!again) return;
  demand(*again == *rows, "rows mean the same when they are written and read");
  demand(schema::engine_rows_text(*again) == written, "the written form stays as it is");
  for (const auto& entry : rows->entries) {
    if (entry.row() == nullptr) continue;
    if (const auto tile = schema::tile_of(*entry.row()); !tile) demand_reason(tile.error());
  }
}

void try_set(const std::string& path, std::string_view text) {
  const auto set = schema::candidate_set_from_file({path, std::nullopt, std::string(text)});
  if (!set) {
    demand_reason(set.error());
    return;
  }
  const std::string written = schema::engine_rows_text(set->rows);
  demand(set->canonical == (written == text), "canonical says whether the bytes come back");
  const auto again = schema::candidate_set_from_file({path, std::nullopt, written});
  demand(again && again->rows == set->rows && again->canonical, "what is kept can be read again");
  const auto tiles = schema::candidate_tiles(*set);
  demand(tiles.rows.size() + static_cast<std::size_t>(tiles.unusable) <= set->rows.entries.size(),
         "every row counts at most once");
}

}  // namespace

/// Three parts between NUL bytes: a path, the file's text, and that of the file of GEMM 1. What has no NUL is a text.
void try_input(std::string_view input) {
  std::string path = "E=8,N=64,device_name=NVIDIA_H200,dtype=fp8_w8a8,block_shape=[128,128].json";
  schema::lint::Input file;
  const auto first = input.find('\0');
  if (first != std::string_view::npos) {
    path = input.substr(0, first);
    input.remove_prefix(first + 1);
    if (const auto second = input.find('\0'); second != std::string_view::npos) {
      file.up_text = input.substr(second + 1);
      input = input.substr(0, second);
    }
  }
  try_name(path);
  try_rows(input);
  try_set(path, input);
  file.path = std::move(path);
  file.text = input;
  const auto report = schema::lint::lint_file(file);
  for (const auto& finding : report.findings) {
    demand(!finding.message.empty() && finding.message.size() < 2000, "a finding has a message of bounded length");
  }
}

}  // namespace moetune::fuzz
