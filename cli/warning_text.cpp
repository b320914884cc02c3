#include "cli/warning_text.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "cli/text.hpp"

namespace moetune::cli {
namespace {

using schema::EngineLogFindings;
using schema::ErrorCode;
using schema::fail;
using schema::LoggedFile;
using schema::Result;

constexpr const char* k_such_a_line =
    "\"Using default MoE config. Performance might be sub-optimal! Config file not found at "
    ".../configs/E=256,N=512,device_name=NVIDIA_H200,dtype=fp8_w8a8,block_shape=[128,128].json\"";

bool is_compressed(std::string_view start) {
  using namespace std::string_view_literals;
  for (const auto magic : {"\x1f\x8b"sv, "\x28\xb5\x2f\xfd"sv, "\xfd\x37zXZ\0"sv, "BZh"sv, "PK\x03\x04"sv}) {
    if (start.starts_with(magic)) return true;
  }
  return false;
}

Result<EngineLogFindings> read_stream(std::istream& stream, const std::string& name) {
  schema::EngineLog log;
  std::vector<char> piece(1 << 16);
  for (bool first = true; stream; first = false) {
    stream.read(piece.data(), static_cast<std::streamsize>(piece.size()));
    const std::string_view bytes(piece.data(), static_cast<std::size_t>(stream.gcount()));
    if (first && is_compressed(bytes)) {
      return fail(ErrorCode::invalid_argument,
                  fmt::format("--warning: {} is compressed: unpack it, or pipe its text into --warning -", name));
    }
    log.read(bytes);
  }
  if (stream.bad()) return fail(ErrorCode::invalid_argument, fmt::format("--warning: cannot read {}", name));
  return log.finish();
}

/// The first words of a list, quoted.
std::string quoted(const std::vector<std::string>& words) {
  constexpr std::size_t k_most = 3;
  std::vector<std::string> shown;
  for (const auto& text : words) {
    if (shown.size() < k_most) shown.push_back(fmt::format("\"{}\"", printable(text)));
  }
  return fmt::format("{}{}", fmt::join(shown, ", "), words.size() > k_most ? ", ..." : "");
}

std::vector<std::string> names_of(const std::vector<LoggedFile>& files) {
  std::vector<std::string> names;
  for (const auto& file : files) names.push_back(file.text);
  return names;
}

std::vector<std::string> backends(const EngineLogFindings& findings, bool reads_files) {
  std::vector<std::string> words;
  for (const auto& backend : findings.backends) {
    if (backend.reads_files == reads_files) words.push_back(backend.words);
  }
  return words;
}

std::unexpected<schema::Error> nothing(const std::string& why) {
  return fail(ErrorCode::not_found, fmt::format("nothing to tune: {}", why));
}

std::unexpected<schema::Error> no_such_line(const std::string& what) {
  return fail(ErrorCode::invalid_argument,
              fmt::format("--warning: {}; a line that does reads {}", what, k_such_a_line));
}

/// Why tuning would change nothing for any of the MoE layers; empty when the log does not say so.
std::string why_no_file_is_read(const EngineLogFindings& findings) {
  if (!findings.invariance.empty()) {
    return fmt::format("the log shows {}: the engine then gives every batch the same tile and reads no file",
                       quoted(findings.invariance));
  }
  const auto others = backends(findings, false);
  if (others.empty() || !backends(findings, true).empty()) return "";
  return fmt::format("the log shows {}: the MoE layers run there, and the Triton kernel that a file steers does not",
                     quoted(others));
}

bool is_same_problem(const LoggedFile& one, const LoggedFile& other) {
  auto name = one.name;
  name.gemm = other.name.gemm;
  return one.engine == other.engine && name == other.name;
}

std::unexpected<schema::Error> nothing_missing(const WarningText& warning) {
  const EngineLogFindings& findings = warning.findings;
  if (!findings.unreadable.empty()) {
    return fail(ErrorCode::invalid_argument, fmt::format("--warning: {}", printable(findings.unreadable.front())));
  }
  if (!findings.found.empty()) {
    return nothing(fmt::format("the log shows that a tuned file was found, and no other is missing: {}",
                               quoted(names_of(findings.found))));
  }
  if (findings.has_dense_layers) {
    return nothing("the file that the log misses is one of dense layers, whose kernel moetune does not tune");
  }
  if (!findings.named.empty()) return no_such_line("no line in it says that a file was not found");
  return no_such_line("no line in it tells of a missing file of the MoE kernel");
}

}  // namespace

Result<WarningText> read_warning(const std::string& given) {
  if (given == "-") {
    auto findings = read_stream(std::cin, "stdin");
    if (!findings) return std::unexpected(findings.error());
    return WarningText{std::move(*findings), true};
  }
  std::error_code error;
  const auto status = std::filesystem::status(given, error);  // of a long line: an error, as of what is not there
  if (error || !std::filesystem::exists(status)) {
    WarningText warning{schema::read_engine_log(given), false};
    const bool is_path = given.find_first_of(" =\n") == std::string::npos;
    if (is_path)
      return fail(ErrorCode::invalid_argument, fmt::format("--warning: there is no file {}", printable(given)));
    return warning;
  }
  std::ifstream file(given, std::ios::binary);
  if (std::filesystem::is_directory(status) || !file) {
    const char* why = std::filesystem::is_directory(status) ? "it is a folder" : std::strerror(errno);
    return fail(ErrorCode::invalid_argument, fmt::format("--warning: cannot read {}: {}", printable(given), why));
  }
  auto findings = read_stream(file, printable(given));
  if (!findings) return std::unexpected(findings.error());
  return WarningText{std::move(*findings), true};
}

Result<std::vector<LoggedFile>> files_to_tune(const WarningText& warning) {
  const EngineLogFindings& findings = warning.findings;
  if (const auto why = why_no_file_is_read(findings); !why.empty()) {
    if (findings.missing.empty()) return nothing(why);
    return nothing(fmt::format("{} (a problem given by -E and -N is tuned all the same)", why));
  }
  const bool has_verdict = !findings.missing.empty() || !findings.found.empty() || !findings.unreadable.empty();
  // Whoever pastes a bare name means the file of that name.
  const auto& missing = has_verdict || warning.is_file ? findings.missing : findings.named;
  if (missing.empty()) return nothing_missing(warning);
  std::vector<LoggedFile> files;
  for (const LoggedFile& file : missing) {
    if (std::ranges::any_of(files, [&](const auto& known) { return is_same_problem(known, file); })) continue;
    files.push_back(file);
  }
  return files;
}

std::vector<std::string> notes_on(const WarningText& warning) {
  const EngineLogFindings& findings = warning.findings;
  std::vector<std::string> notes;
  if (const auto others = backends(findings, false); !others.empty()) {
    notes.push_back(fmt::format("some layers run in another kernel, which no file steers: {}", quoted(others)));
  }
  if (!findings.found.empty()) {
    notes.push_back(fmt::format("found by the engine, and not tuned again: {}", quoted(names_of(findings.found))));
  }
  if (!findings.unreadable.empty()) {
    notes.push_back(fmt::format("left out: {}", printable(findings.unreadable.front())));
  }
  if (findings.is_cut) {
    notes.push_back(fmt::format("the log tells of more than {} files; the others are left out", schema::k_most_logged));
  }
  return notes;
}

}  // namespace moetune::cli
