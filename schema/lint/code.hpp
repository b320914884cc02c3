#pragma once

#include <optional>
#include <span>
#include <string_view>

/// What can be said about an engine's file without measuring: pure, from the file's name, text and neighbour alone.
namespace moetune::schema::lint {

/// error: the engine fails or never reads it. warning: it costs speed or is not what it says. note: good to know.
enum class Severity { note, warning, error };
std::string_view name_of(Severity severity);
std::optional<Severity> severity_from_name(std::string_view name);

enum class Code {
  unreadable,
  name_form,
  name_device,
  name_dtype,
  other_backend,
  folder_version,
  triton_version,
  missing_partner,
  partner_block_m,
  no_rows,
  key_gap,
  key_not_integer,
  key_spelling,
  key_range,
  duplicate_key,
  not_a_row,
  missing_field,
  duplicate_field,
  unknown_field,
  foreign_field,
  field_value,
  clamped_block_k,
  shared_memory,
  int4_cuda,
  default_row,
};

struct CodeFacts {
  Code code;
  std::string_view name;
  Severity severity;
  std::string_view meaning;  ///< one sentence, as in docs/lint.md
};

/// Every code, in the order of the documentation.
std::span<const CodeFacts> all_codes();
const CodeFacts& facts_of(Code code);

}  // namespace moetune::schema::lint
