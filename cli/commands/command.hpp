#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cli/connector.hpp"
#include "cli/error_text.hpp"
#include "cli/global_options.hpp"
#include "cli/output.hpp"
#include "cli/table.hpp"
#include "cli/terminal.hpp"
#include "schema/error.hpp"

namespace CLI {  // NOLINT(readability-identifier-naming): not ours to name
class App;
}

namespace moetune::cli {

/// What a command works with. Results go to `out`; notes and progress go to `err`.
struct Context {
  const GlobalOptions& options;
  Connector& connector;
  const Environment& environment;
  Output& out;
  Output& err;
  TerminalTraits out_traits;
  TerminalTraits err_traits;
  std::function<TerminalSize()> out_size;
  std::function<TerminalSize()> err_size;

  /// The daemon, started for a short while when there is none.
  schema::Result<Client> daemon() { return connector.connect(k_idle_after_query); }
  void print(const Table& table);
  /// A sentence for a person, on stdout or stderr: on a terminal in lines that fit it, like the cells of a table.
  void say(std::string_view text, Tone tone = Tone::plain);
  void note(std::string_view text, Tone tone = Tone::plain);
  /// JSON for programs, on one line.
  void print(const nlohmann::ordered_json& value);
  /// `arguments` as a command line that reaches the same daemon.
  std::string command_line(const std::string& arguments) const;
};

using Action = std::function<schema::Result<ExitStatus>(Context&)>;

/// The command line while it is built and parsed: the commands hang themselves into `app`, and the one that was asked
/// for leaves its action.
struct CommandLine {
  CLI::App& app;
  Action action;
};

// Each adds one command (or a family of them) with its help.
void add_tune(CommandLine& line);
void add_shapes(CommandLine& line);
void add_sweeps(CommandLine& line);
void add_sweep(CommandLine& line);
void add_steering(CommandLine& line);  ///< pause, resume, cancel, discard
void add_best(CommandLine& line);
void add_export(CommandLine& line);
void add_report(CommandLine& line);
void add_publish(CommandLine& line);
void add_trials(CommandLine& line);
void add_import(CommandLine& line);
void add_candidates(CommandLine& line);
void add_candidate(CommandLine& line);
void add_lint(CommandLine& line);
void add_compare(CommandLine& line);
void add_traffic(CommandLine& line);
void add_cache(CommandLine& line);
void add_db(CommandLine& line);
void add_doctor(CommandLine& line);

/// Adds a command under `parent` whose help ends with `examples`; `action` runs when it was asked for.
CLI::App& add_command(CommandLine& line, CLI::App& parent, const std::string& name, const std::string& about,
                      const std::string& examples, Action action);

/// Adds a command that only holds others ("cache" for "cache stats").
CLI::App& add_family(CommandLine& line, const std::string& name, const std::string& about, const std::string& examples);

}  // namespace moetune::cli
