#include "cli/app.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <sstream>

#include "cli/commands/command.hpp"
#include "cli/connector.hpp"
#include "cli/global_options.hpp"
#include "cli/near_word.hpp"
#include "cli/text.hpp"

namespace moetune::cli {
namespace {

using schema::Error;
using schema::ErrorCode;
using schema::Result;

constexpr const char* k_about =
    "moetune tunes the tile configurations of fused MoE kernels and remembers everything it measured.\n"
    "Commands talk to the daemon moetuned; one is started when there is none.";

constexpr const char* k_footer =
    "Options may stand before or after the command. `moetune COMMAND --help` tells more.\n\n"
    "Examples:\n"
    "  moetune tune -E 256 -N 512 --hidden-size 2048 --topk 8 --dtype fp8_w8a8 --block-shape 128,128\n"
    "  moetune best -E 256 -N 512\n"
    "  moetune export -E 256 -N 512 --kernel cuda\n\n"
    "Exit status: 0 done; 1 the work failed, nothing is known, or a finding (lint, compare); 2 bad usage or input.";

void add_global_options(CLI::App& app, GlobalOptions& options) {
  app.add_option("--server", options.server,
                 "the daemon's URL (default: daemon.json of the data folder, else "
                 "http://127.0.0.1:8765)")
      ->type_name("URL");
  app.add_option("--data-dir", options.data_dir, "data folder (default: $XDG_DATA_HOME/moetune)")->type_name("DIR");
  app.add_option("--token-file", options.token_file, "file with the daemon's token (default: $MOETUNE_TOKEN)")
      ->type_name("FILE");
  app.add_flag("--json", options.json, "print what a program reads: the daemon's JSON");
}

void add_commands(CommandLine& line) {
  add_tune(line);
  add_shapes(line);
  add_sweeps(line);
  add_sweep(line);
  add_steering(line);
  add_best(line);
  add_export(line);
  add_report(line);
  add_publish(line);
  add_trials(line);
  add_import(line);
  add_candidates(line);
  add_candidate(line);
  add_lint(line);
  add_compare(line);
  add_traffic(line);
  add_cache(line);
  add_db(line);
  add_doctor(line);
}

/// The commands that were recognised, outermost first: moetune, cache, trim.
std::vector<const CLI::App*> recognised(const CLI::App& app) {
  std::vector<const CLI::App*> commands = {&app};
  while (!commands.back()->get_subcommands().empty()) commands.push_back(commands.back()->get_subcommands().front());
  return commands;
}

bool ends_with_a_family(const std::vector<const CLI::App*>& commands) {
  return !commands.back()->get_subcommands([](const CLI::App*) { return true; }).empty();
}

/// The commands below the last one that was recognised.
std::vector<std::string> commands_below(const CLI::App& command) {
  std::vector<std::string> names;
  for (const CLI::App* below : command.get_subcommands([](const CLI::App*) { return true; })) {
    names.push_back(below->get_name());
  }
  return names;
}

/// The long options that may stand there, the command's own first.
std::vector<std::string> options_of(const std::vector<const CLI::App*>& commands) {
  std::vector<std::string> names;
  for (auto command = commands.rbegin(); command != commands.rend(); ++command) {
    for (const CLI::Option* option : (*command)->get_options()) {
      for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
    }
  }
  return names;
}

/// An argument that nobody knows, and what was meant by it, as far as one can guess.
std::string unknown_message(const std::string& argument, const std::vector<const CLI::App*>& commands) {
  const bool is_command = ends_with_a_family(commands) && !argument.starts_with('-');
  std::optional<std::string> meant;
  if (is_command) {
    meant = near_word(argument, commands_below(*commands.back()));
  } else if (argument.starts_with("--")) {
    meant = near_word(argument.substr(0, argument.find('=')), options_of(commands));
  }
  return fmt::format("{} {}{}", is_command ? "there is no command" : "unknown argument",
                     shell_word(printable(argument)), meant ? fmt::format(", did you mean {}?", *meant) : "");
}

/// What is wrong with the command line, in a sentence that begins small and names the culprit. An argument that nobody
/// knows comes first: what is missing often follows from it.
std::string usage_message(const CLI::ParseError& error, const CLI::App& app) {
  const auto extras = app.remaining(true);
  const auto commands = recognised(app);
  std::string message = printable(error.what());
  if (!extras.empty()) {
    message = unknown_message(extras.front(), commands);
  } else if (const auto again = message.find(": At Most 1 required"); again != std::string::npos) {
    message = fmt::format("{} may be given only once", message.substr(0, again));
  } else if (const auto bare = message.find(": 1 required ");
             bare != std::string::npos && message.ends_with(" missing")) {
    message = fmt::format("{} needs a value", message.substr(0, bare));
  } else if (message == "A subcommand is required") {
    message = "a command is required";
  }
  std::vector<std::string> names;
  for (const CLI::App* command : commands) names.push_back(command->get_name());
  return fmt::format("{}{} see `{} --help`", message, message.ends_with('?') ? "" : ";", fmt::join(names, " "));
}

Result<ExitStatus> perform(const Action& action, const GlobalOptions& options, const Surroundings& around) {
  const auto data_dir = data_folder(options, around.environment);
  if (!data_dir) return std::unexpected(data_dir.error());
  auto token = token_of(options, around.environment);
  if (!token) return std::unexpected(token.error());
  Connector connector({options.server, *data_dir, options.data_dir.has_value(), std::move(*token), around.default_url,
                       around.daemon_executable},
                      around.err);
  Context context{options,           connector,         around.environment, around.out,     around.err,
                  around.out_traits, around.err_traits, around.out_size,    around.err_size};
  return action(context);
}

/// No value of any option or positional may be empty: that is a variable of a script which was not set.
void refuse_empty_values(CLI::App& app) {
  const auto check = [](const std::string& given) { return std::string(given.empty() ? "must not be empty" : ""); };
  for (CLI::Option* option : app.get_options()) {
    if (option->get_items_expected_max() > 0) option->check(check);
  }
  for (CLI::App* command : app.get_subcommands(nullptr)) refuse_empty_values(*command);
}

ExitStatus parse_and_perform(const std::vector<std::string>& arguments, const Surroundings& around) {
  CLI::App app(k_about, "moetune");
  app.fallthrough();
  app.require_subcommand(1);
  app.set_help_flag("-h,--help", "show this help");
  app.set_version_flag("--version", fmt::format("moetune {}", MOETUNE_VERSION), "print the version");
  app.footer(k_footer);
  app.get_formatter()->column_width(34);
  GlobalOptions options{.program = around.program};
  add_global_options(app, options);
  CommandLine line{app, {}};
  add_commands(line);
  refuse_empty_values(app);
  try {
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));  // taken from the end
  } catch (const CLI::Success& wanted) {
    std::ostringstream text;
    app.exit(wanted, text, text);
    around.out.write(text.str());
    return ExitStatus::done;
  } catch (const CLI::ParseError& error) {
    around.err.line(fmt::format("moetune: {}", usage_message(error, app)));
    return ExitStatus::usage;
  }
  const auto status = perform(line.action, options, around);
  if (status) return *status;
  around.err.write(error_text(status.error(), around.err_traits.interactive ? around.err_size().columns : 0));
  return exit_status_of(status.error());
}

}  // namespace

ExitStatus run(const std::vector<std::string>& arguments, const Surroundings& surroundings) {
  try {
    return parse_and_perform(arguments, surroundings);
  } catch (const std::exception& error) {
    surroundings.err.write(
        error_text(Error{ErrorCode::internal, fmt::format("a defect of moetune: {}", error.what()), nullptr}));
    return ExitStatus::failed;
  }
}

}  // namespace moetune::cli
