#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <vector>

#include "cli/commands/command.hpp"
#include "cli/text.hpp"

namespace moetune::cli {
namespace {

using nlohmann::ordered_json;
using schema::Result;

constexpr std::size_t k_status_width = 7;
constexpr std::size_t k_least_text = 30;  ///< narrower terminals wrap by themselves

struct Finding {
  std::string name;
  std::string status;  ///< ok, missing or error
  std::string message;
  std::string advice;  ///< what to do; empty when all is well
};

std::string text_in(const ordered_json& object, const char* name) {
  const auto value = object.is_object() ? object.value(name, ordered_json()) : ordered_json();
  return value.is_string() ? printable(value.get<std::string>()) : "";
}

std::vector<Finding> findings_of(const ordered_json& answer) {
  std::vector<Finding> findings;
  for (const auto& check : answer.value("checks", ordered_json::array())) {
    findings.push_back(
        {text_in(check, "name"), text_in(check, "status"), text_in(check, "message"), text_in(check, "advice")});
  }
  return findings;
}

/// What can be seen from here, without a daemon.
std::vector<Finding> own_findings(const Context& context) {
  const auto& settings = context.connector.settings();
  std::vector<Finding> findings;
  std::error_code ignored;
  if (settings.server) return findings;
  if (!std::filesystem::exists(settings.executable, ignored)) {
    findings.push_back({"moetuned", "error", fmt::format("there is no {}", settings.executable.string()),
                        "keep moetune and moetuned in one folder, as the build leaves them"});
  }
  auto folder = settings.data_dir;
  while (!folder.empty() && folder != folder.root_path() && !std::filesystem::exists(folder, ignored))
    folder = folder.parent_path();
  if (::access(folder.c_str(), W_OK) != 0) {
    findings.push_back({"data folder", "error", fmt::format("{} cannot be written", folder.string()),
                        "make it writable, or name another with --data-dir DIR"});
  }
  return findings;
}

/// Text in lines that fit beside what stands in front of it; one line when that is not a terminal.
std::vector<std::string> fitted(const Context& context, const std::string& text, std::size_t indent) {
  if (!context.out_traits.interactive) return {text};
  const std::size_t columns = context.out_size().columns;
  return wrapped(split(text, ' '), " ", columns > indent + k_least_text ? columns - indent : k_least_text);
}

void print(Context& context, const std::vector<Finding>& findings) {
  const Paint paint(context.out_traits.color);
  std::size_t width = 0;
  for (const Finding& finding : findings) width = std::max(width, width_of(finding.name));
  const std::size_t indent = k_status_width + 2 + width + 2;
  for (const Finding& finding : findings) {
    const Tone tone = finding.status == "ok" ? Tone::good : finding.status == "error" ? Tone::bad : Tone::warning;
    std::string start = fmt::format("{}  {}  ", paint(tone, padded(finding.status, k_status_width, Align::left)),
                                    padded(finding.name, width, Align::left));
    for (const auto& line : fitted(context, finding.message, indent)) {
      context.out.line(start + line);
      start = std::string(indent, ' ');
    }
    start = std::string(indent, ' ') + "-> ";
    if (finding.advice.empty()) continue;
    for (const auto& line : fitted(context, finding.advice, indent + 3)) {
      context.out.line(start + line);
      start = std::string(indent + 3, ' ');
    }
  }
}

Result<ExitStatus> doctor(Context& context) {
  auto findings = own_findings(context);
  const auto client = context.daemon();
  const auto answer = client ? client->get("/doctor") : Result<ordered_json>(std::unexpected(client.error()));
  if (!answer) {
    findings.push_back({"daemon", "error", printable_lines(answer.error().message), ""});
  } else if (context.options.json) {
    context.print(*answer);
    return ExitStatus::done;
  } else {
    findings.push_back({"daemon", "ok", fmt::format("answers at {}", client->url()), ""});
    for (auto& finding : findings_of(*answer)) findings.push_back(std::move(finding));
  }
  print(context, findings);
  const bool broken = std::ranges::any_of(findings, [](const Finding& finding) { return finding.status == "error"; });
  return broken ? ExitStatus::failed : ExitStatus::done;
}

}  // namespace

void add_doctor(CommandLine& line) {
  add_command(line, line.app, "doctor", "Show what works on this machine, what does not, and what to do about it",
              "  moetune doctor\n  moetune --server http://gpu-box:8765 doctor", doctor);
}

}  // namespace moetune::cli
