#include <fmt/format.h>

#include <optional>

#include "schema/engine_rules.hpp"
#include "schema/lint/subject.hpp"

namespace moetune::schema::lint {
namespace {

/// BLOCK_SIZE_M of the row that the engine picks for `batch`; nothing when it is none.
std::optional<std::int64_t> block_m_for(const std::vector<BatchRow>& rows, std::int64_t batch) {
  std::vector<std::int64_t> keys;
  for (const BatchRow& row : rows) keys.push_back(row.batch);
  const std::int64_t nearest = nearest_key(keys, batch);
  std::optional<std::int64_t> found;
  for (const BatchRow& row : rows) {
    if (row.batch != nearest) continue;
    for (const EngineField& field : *row.fields) {
      if (field.name == "BLOCK_SIZE_M" && field.value.is_number_integer()) found = field.value.get<std::int64_t>();
    }
  }
  return found;
}

}  // namespace

void check_partner(const Subject& subject, Report& report) {
  if (!subject.name || subject.name->gemm != Gemm::down) return;
  if (!subject.input.up_text) {
    report.findings.push_back(
        {Code::missing_partner, std::nullopt,
         "the file for GEMM 1, of the same name without \"_down\", is not beside it: GEMM 1 would run with the default "
         "or with the file of another Triton version, whose BLOCK_SIZE_M may be another"});
    return;
  }
  const auto up = engine_rows_from_text(*subject.input.up_text);
  if (!up) return;  // a finding of that file
  const auto up_rows = batch_rows(*up);
  const auto down_rows = batch_rows(subject.rows);
  if (up_rows.empty() || down_rows.empty()) return;
  std::vector<std::int64_t> batches;
  for (const auto* rows : {&down_rows, &up_rows}) {
    for (const BatchRow& row : *rows) {
      if (std::ranges::find(batches, row.batch) == batches.end()) batches.push_back(row.batch);
    }
  }
  for (const std::int64_t batch : batches) {
    const auto up_m = block_m_for(up_rows, batch);
    const auto down_m = block_m_for(down_rows, batch);
    if (!up_m || !down_m || *up_m == *down_m) continue;
    report.findings.push_back(
        {Code::partner_block_m, batch,
         fmt::format("BLOCK_SIZE_M is {} for GEMM 2 and {} for GEMM 1: it must be the same, since both share one "
                     "alignment (sglang 0.5.5 to 0.5.8 ends there, newer ones run GEMM 2 with {}, untuned)",
                     *down_m, *up_m, *up_m)});
  }
}

}  // namespace moetune::schema::lint
