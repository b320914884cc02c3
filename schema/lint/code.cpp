#include "schema/lint/code.hpp"

#include <algorithm>
#include <array>

namespace moetune::schema::lint {
namespace {

constexpr std::array k_codes = {
    CodeFacts{Code::unreadable, "unreadable", Severity::error,
              "The file is not JSON, or no object of rows of plain values, or too large to be one."},
    CodeFacts{Code::name_form, "name_form", Severity::error,
              "No engine writes or looks for a name of this form: a part is missing, misspelt or has other spaces."},
    CodeFacts{Code::name_device, "name_device", Severity::error,
              "The device in the name is one that the engine never looks for: cut short, empty, or spelt otherwise."},
    CodeFacts{Code::name_dtype, "name_dtype", Severity::error,
              "The dtype in the name is a word that the engine never looks for, such as bf16."},
    CodeFacts{Code::other_backend, "other_backend", Severity::note,
              "The name has a backend: the file steers another kernel than Triton's, and its rows are not checked."},
    CodeFacts{Code::folder_version, "folder_version", Severity::error,
              "A folder triton_X whose X is not numbers joined by \"_\" ends SGLang's search in the other folders."},
    CodeFacts{Code::triton_version, "triton_version", Severity::error,
              "SGLang's loader takes every key for a number and raises at \"triton_version\"; vLLM ignores it."},
    CodeFacts{
        Code::missing_partner, "missing_partner", Severity::warning,
        "SGLang's X_down.json stands without X.json: GEMM 1 runs with the default, or with another folder's file."},
    CodeFacts{
        Code::partner_block_m, "partner_block_m", Severity::error,
        "X_down.json has another BLOCK_SIZE_M than X.json has for the same batch; both GEMMs share one alignment."},
    CodeFacts{Code::no_rows, "no_rows", Severity::warning, "The file has no row: the engine runs with its default."},
    CodeFacts{Code::key_gap, "key_gap", Severity::warning,
              "Keys are more than a factor of 2 apart: in between the nearest one is used, however slow it is there."},
    CodeFacts{Code::key_not_integer, "key_not_integer", Severity::error,
              "A key is not an integer: the engine's loader raises."},
    CodeFacts{Code::key_spelling, "key_spelling", Severity::note,
              "A key is read as a number, but nobody writes it so: blanks, a sign, leading zeros."},
    CodeFacts{Code::key_range, "key_range", Severity::warning,
              "A key is no batch size: less than 1, or more tokens than any step has."},
    CodeFacts{Code::duplicate_key, "duplicate_key", Severity::warning,
              "A batch has several rows: the last one counts."},
    CodeFacts{Code::not_a_row, "not_a_row", Severity::error, "A batch has a plain value in the place of a row."},
    CodeFacts{Code::missing_field, "missing_field", Severity::error,
              "A row lacks a field without which the kernel is not launched."},
    CodeFacts{Code::duplicate_field, "duplicate_field", Severity::warning,
              "A row has a field twice: the last one counts."},
    CodeFacts{Code::unknown_field, "unknown_field", Severity::error,
              "A row has a field that neither the kernel nor Triton takes: the launch raises."},
    CodeFacts{Code::foreign_field, "foreign_field", Severity::error,
              "A row has a field of another vendor's compiler or of the other engine, such as kpack on NVIDIA."},
    CodeFacts{Code::field_value, "field_value", Severity::error,
              "A field has a value that the kernel does not accept."},
    CodeFacts{Code::clamped_block_k, "clamped_block_k", Severity::warning,
              "BLOCK_SIZE_K is larger than the quantisation block: the launcher cuts it down, and the row is that of a "
              "smaller tile."},
    CodeFacts{Code::shared_memory, "shared_memory", Severity::error,
              "The tile needs more shared memory than a block of the named device may have."},
    CodeFacts{
        Code::int4_cuda, "int4_cuda", Severity::warning,
        "vLLM runs its CUDA kernel for int4 at this batch, and the row's BLOCK_SIZE_N and BLOCK_SIZE_K steer that "
        "one."},
    CodeFacts{Code::default_row, "default_row", Severity::note,
              "The row is what the engine runs without a file: it is kept only so that its neighbours are not taken."},
};

}  // namespace

std::string_view name_of(Severity severity) {
  switch (severity) {
    case Severity::note:
      return "note";
    case Severity::warning:
      return "warning";
    case Severity::error:
      break;
  }
  return "error";
}

std::optional<Severity> severity_from_name(std::string_view name) {
  for (const Severity severity : {Severity::note, Severity::warning, Severity::error}) {
    if (name_of(severity) == name) return severity;
  }
  return std::nullopt;
}

std::span<const CodeFacts> all_codes() {
  return k_codes;
}

const CodeFacts& facts_of(Code code) {
  return *std::ranges::find(k_codes, code, &CodeFacts::code);
}

}  // namespace moetune::schema::lint
