#include "schema/lint/engine_lint.hpp"

#include <fmt/format.h>

#include "schema/lint/subject.hpp"

namespace moetune::schema::lint {
namespace {

/// The last folder of a path, without the name.
std::string_view folder_of(std::string_view path) {
  const auto end = path.rfind('/');
  if (end == std::string_view::npos) return {};
  const std::string_view before = path.substr(0, end);
  return before.substr(before.rfind('/') + 1);
}

/// Spelling says most, then the folder, then the content: vLLM alone writes "triton_version".
std::optional<EngineFormat> format_of(const Input& input, const std::optional<EngineFileName>& name,
                                      const EngineRows& rows) {
  if (input.format) return input.format;
  if (name && name->format) return name->format;
  if (folder_of(input.path).starts_with("triton_")) return EngineFormat::sglang;
  if (rows.triton_version()) return EngineFormat::vllm;
  return std::nullopt;
}

Subject subject_of(const Input& input, const EngineRows& rows) {
  Subject subject{.input = input, .name = {}, .format = {}, .gpu = {}, .rows = rows};
  if (auto name = engine_file_name_from_text(input.path)) {
    subject.name = std::move(*name);
    subject.vendor = vendor_of(subject.name->device);
    // A name cut short still says which chip it is.
    subject.gpu = known_gpu(whole_device_name(subject.name->device).value_or(subject.name->device));
  }
  subject.format = format_of(input, subject.name, rows);
  return subject;
}

void note_what_is_unknown(const Subject& subject, Report& report) {
  if (!subject.name || subject.gpu || subject.name->device.empty()) return;
  if (subject.vendor == Vendor::amd || subject.vendor == Vendor::intel) {
    report.notes.push_back(fmt::format(
        "shared memory and default rows are checked for NVIDIA's devices only, not for {}", subject.name->device));
  } else {
    report.notes.push_back(
        fmt::format("shared memory was not checked: the device {} is not known", subject.name->device));
  }
}

void check_rows(const Subject& subject, Report& report) {
  for (const BatchRow& row : batch_rows(subject.rows)) {
    check_fields(subject, row, report);
    if (const auto tile = tile_of(*row.fields)) check_tile(subject, row.batch, *tile, report);
  }
}

}  // namespace

std::optional<std::string> partner_path(std::string_view path) {
  constexpr std::string_view k_end = "_down.json";
  if (!path.ends_with(k_end)) return std::nullopt;
  return std::string(path.substr(0, path.size() - k_end.size())) + ".json";
}

std::vector<BatchRow> batch_rows(const EngineRows& rows) {
  std::vector<BatchRow> found;
  for (const EngineEntry& entry : rows.entries) {
    const auto batch = engine_key(entry.key);
    if (batch && entry.row() != nullptr) found.push_back({*batch, entry.row()});
  }
  return found;
}

Report lint_file(const Input& input) {
  Report report;
  const auto rows = engine_rows_from_text(input.text);
  const EngineRows none;
  const Subject subject = subject_of(input, rows ? *rows : none);
  check_name(subject, report);
  check_folder(subject, report);
  if (!rows) {
    report.findings.push_back({Code::unreadable, std::nullopt, rows.error().message});
    return report;
  }
  check_partner(subject, report);
  check_keys(subject, report);
  if (subject.name && !subject.name->backend.empty()) return report;  // the rows are another kernel's
  note_what_is_unknown(subject, report);
  check_rows(subject, report);
  return report;
}

}  // namespace moetune::schema::lint
