#include "cli/commands/command.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "cli/text.hpp"

namespace moetune::cli {
namespace {

constexpr const char* k_global_help =
    "Options of every command: --server URL, --data-dir DIR, --token-file FILE, --json (see moetune --help)";

std::string footer(const std::string& examples) {
  return fmt::format("{}\n\nExamples:\n{}", k_global_help, examples);
}

}  // namespace

void Context::print(const Table& table) {
  const std::size_t columns = out_traits.interactive ? out_size().columns : 0;
  for (const std::string& line : table.lines(out_traits, columns)) out.line(line);
}

void Context::say(std::string_view text, Tone tone) {
  const Paint paint(out_traits.color);
  for (const auto& line : filled(text, out_traits.interactive ? out_size().columns : 0)) out.line(paint(tone, line));
}

void Context::note(std::string_view text, Tone tone) {
  const Paint paint(err_traits.color);
  for (const auto& line : filled(text, err_traits.interactive ? err_size().columns : 0)) err.line(paint(tone, line));
}

void Context::print(const nlohmann::ordered_json& value) {
  out.line(value.dump());
}

std::string Context::command_line(const std::string& arguments) const {
  return fmt::format("{} {}", command_prefix(options), arguments);
}

CLI::App& add_family(CommandLine& line, const std::string& name, const std::string& about,
                     const std::string& examples) {
  CLI::App& family = *line.app.add_subcommand(name, about);
  family.require_subcommand(1);
  family.footer(footer(examples));
  return family;
}

CLI::App& add_command(CommandLine& line, CLI::App& parent, const std::string& name, const std::string& about,
                      const std::string& examples, Action action) {
  CLI::App& command = *parent.add_subcommand(name, about);
  command.footer(footer(examples));
  command.callback([&line, action = std::move(action)] { line.action = action; });
  return command;
}

}  // namespace moetune::cli
