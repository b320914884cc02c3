#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>
#include <memory>

#include "cli/commands/command.hpp"
#include "cli/engine_file_set.hpp"
#include "cli/text.hpp"
#include "schema/lint/engine_lint.hpp"

namespace moetune::cli {
namespace {

using nlohmann::ordered_json;
using schema::ErrorCode;
using schema::fail;
using schema::Result;
using schema::lint::Finding;
using schema::lint::Report;
using schema::lint::Severity;

struct LintFlags {
  std::vector<std::string> paths;
  std::string format;
  std::string severity = "note";
};

struct LintedFile {
  std::string path;
  Report report;
};

Severity severity_of(const Finding& finding) {
  return schema::lint::facts_of(finding.code).severity;
}

bool is_note(const Finding& finding) {
  return severity_of(finding) == Severity::note;
}

Result<Report> lint_path(const std::filesystem::path& path, std::optional<schema::EngineFormat> format) {
  auto text = engine_file_text(path);
  if (!text) return std::unexpected(text.error());
  schema::lint::Input input{.path = path.string(), .text = std::move(*text), .format = format};
  // The folder may be one that the path does not name.
  std::error_code error;
  const auto whole = std::filesystem::absolute(path, error);
  if (!error) input.path = whole.lexically_normal().string();
  if (const auto partner = schema::lint::partner_path(input.path)) {
    if (std::filesystem::exists(*partner, error)) {
      auto up_text = engine_file_text(*partner);
      if (!up_text) return std::unexpected(up_text.error());
      input.up_text = std::move(*up_text);
    }
  }
  return schema::lint::lint_file(input);
}

ordered_json as_json(const std::vector<LintedFile>& files) {
  ordered_json list = ordered_json::array();
  for (const auto& [path, report] : files) {
    ordered_json findings = ordered_json::array();
    for (const Finding& finding : report.findings) {
      const auto& facts = schema::lint::facts_of(finding.code);
      ordered_json batch = nullptr;
      if (finding.batch) batch = *finding.batch;
      findings.push_back({{"code", facts.name},
                          {"severity", name_of(facts.severity)},
                          {"batch", std::move(batch)},
                          {"message", finding.message}});
    }
    list.push_back({{"path", path}, {"findings", std::move(findings)}});
  }
  return {{"files", std::move(list)}};
}

Tone tone_of(Severity severity) {
  switch (severity) {
    case Severity::error:
      return Tone::bad;
    case Severity::warning:
      return Tone::warning;
    case Severity::note:
      break;
  }
  return Tone::faint;
}

/// "2 errors, 1 warning" of all files, worst first.
std::string counts_text(const std::vector<LintedFile>& files) {
  std::map<Severity, int, std::greater<>> counts;
  for (const auto& file : files) {
    for (const Finding& finding : file.report.findings) ++counts[severity_of(finding)];
  }
  std::vector<std::string> parts;
  for (const auto& [severity, count] : counts) {
    parts.push_back(fmt::format("{} {}{}", count, name_of(severity), count == 1 ? "" : "s"));
  }
  return parts.empty() ? "nothing found" : fmt::format("{}", fmt::join(parts, ", "));
}

/// The same finding in several rows of a file.
struct Repeated {
  const Finding* first;
  std::vector<std::int64_t> batches;  ///< empty for what concerns the whole file
};

std::vector<Repeated> grouped(const std::vector<Finding>& findings) {
  std::vector<Repeated> groups;
  for (const Finding& finding : findings) {
    auto group = std::ranges::find_if(groups, [&](const Repeated& known) {
      return finding.batch && !known.batches.empty() && known.first->code == finding.code &&
             known.first->message == finding.message;
    });
    if (group == groups.end()) group = groups.insert(groups.end(), {&finding, {}});
    if (finding.batch) group->batches.push_back(*finding.batch);
  }
  return groups;
}

std::string batches_text(const std::vector<std::int64_t>& batches) {
  if (batches.empty()) return "-";
  return fmt::format("batch{} {}", batches.size() == 1 ? "" : "es", fmt::join(batches, ", "));
}

void print_for_people(Context& context, const std::vector<LintedFile>& files) {
  const Paint paint(context.out_traits.color);
  for (const auto& [path, report] : files) {
    if (report.findings.empty()) continue;
    context.out.line(paint(Tone::strong, printable(path)));
    for (const auto& [finding, batches] : grouped(report.findings)) {
      const auto& facts = schema::lint::facts_of(finding->code);
      context.out.line(fmt::format("  {}  {}  {}  {}",
                                   paint(tone_of(facts.severity), padded(name_of(facts.severity), 7, Align::left)),
                                   padded(facts.name, 15, Align::left), padded(batches_text(batches), 11, Align::left),
                                   printable(finding->message)));
    }
  }
  context.out.line(fmt::format("{} file{}: {}", files.size(), files.size() == 1 ? "" : "s", counts_text(files)));
}

/// What could not be checked, once for all files of which it holds.
void tell_notes(Context& context, const std::vector<LintedFile>& files) {
  std::vector<std::string> notes;
  std::map<std::string, std::vector<std::string>> paths;
  for (const auto& [path, report] : files) {
    for (const std::string& note : report.notes) {
      if (!paths.contains(note)) notes.push_back(note);
      paths[note].push_back(path);
    }
  }
  for (const std::string& note : notes) {
    const auto& of = paths.at(note);
    const std::string where = of.size() == 1 ? printable(of.front()) : fmt::format("{} files", of.size());
    context.err.line(fmt::format("note: {}: {}", where, printable(note)));
  }
}

Result<ExitStatus> lint_files(Context& context, const LintFlags& flags) {
  const auto least = schema::lint::severity_from_name(flags.severity);
  if (!least) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("--severity must be note, warning or error, not \"{}\"", flags.severity));
  }
  std::optional<schema::EngineFormat> format;
  if (!flags.format.empty()) {
    const auto named = schema::engine_format_from_name(flags.format);
    if (!named) {
      return fail(named.error().code, fmt::format("--format must be vllm or sglang, not \"{}\"", flags.format));
    }
    format = *named;
  }
  const auto paths = engine_files(flags.paths);
  if (!paths) return std::unexpected(paths.error());
  std::vector<LintedFile> files;
  bool clean = true;
  for (const auto& path : *paths) {
    auto report = lint_path(path, format);
    if (!report) return std::unexpected(report.error());
    std::erase_if(report->findings, [&](const Finding& finding) { return severity_of(finding) < *least; });
    clean = clean && std::ranges::all_of(report->findings, is_note);
    files.push_back({path.string(), std::move(*report)});
  }
  if (context.options.json) {
    // A name may hold bytes that are no UTF-8.
    context.out.line(as_json(files).dump(-1, ' ', false, ordered_json::error_handler_t::replace));
  } else {
    print_for_people(context, files);
  }
  tell_notes(context, files);
  return clean ? ExitStatus::done : ExitStatus::failed;
}

}  // namespace

void add_lint(CommandLine& line) {
  const auto flags = std::make_shared<LintFlags>();
  CLI::App& command = add_command(
      line, line.app, "lint", "Check engine files for rows and names that do not do what they should",
      "  moetune lint E=256,N=512,device_name=NVIDIA_H200,dtype=fp8_w8a8,block_shape=[128,128].json\n"
      "  moetune lint --severity warning configs/\n"
      "Needs no daemon and measures nothing. Exit status: 0 nothing or notes alone; 1 a warning or an error; 2 bad\n"
      "usage. The codes are explained in docs/lint.md.",
      [flags](Context& context) { return lint_files(context, *flags); });
  command.add_option("FILE", flags->paths, "files, or folders with all *.json below them")->required()->type_name("");
  command
      .add_option("--format", flags->format,
                  "vllm or sglang: whose files they are (default: what name, folder and content tell)")
      ->type_name("NAME");
  command.add_option("--severity", flags->severity, "leave out what is less than this: note (default), warning, error")
      ->type_name("NAME");
}

}  // namespace moetune::cli
