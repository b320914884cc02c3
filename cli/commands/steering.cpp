#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <array>
#include <memory>

#include "cli/commands/command.hpp"
#include "cli/commands/follow.hpp"
#include "cli/sweep_status.hpp"

namespace moetune::cli {
namespace {

using schema::Result;

struct Steer {
  const char* name;
  const char* about;
};

constexpr std::array k_steers = {
    Steer{"pause", "Pause a sweep; what has been measured stays"},
    Steer{"resume", "Let a paused sweep go on where it stopped"},
    Steer{"cancel", "End a sweep for good; its rows stay and count"},
    Steer{"discard", "End a sweep and let its rows count nowhere; they stay readable"},
};

Result<ExitStatus> steer(Context& context, const std::string& action, const std::string& id_text) {
  const auto id = sweep_id(id_text);
  if (!id) return std::unexpected(id.error());
  const auto client = context.daemon();
  if (!client) return std::unexpected(client.error());
  const auto answer = client->post(fmt::format("/sweeps/{}/{}", *id, action), nlohmann::ordered_json::object());
  if (!answer) return std::unexpected(answer.error());
  if (context.options.json) {
    context.print(*answer);
    return ExitStatus::done;
  }
  const auto status = sweep_status_from_json(*answer);
  if (!status) return std::unexpected(status.error());
  context.out.line(fmt::format("sweep {} is {}{}, {} of {} trials", *id, schema::name_of(status->state),
                               status->discarded ? " and discarded" : "", status->done, status->total));
  return ExitStatus::done;
}

}  // namespace

void add_steering(CommandLine& line) {
  for (const Steer& kind : k_steers) {
    const auto id = std::make_shared<std::string>();
    const std::string name = kind.name;
    CLI::App& command = add_command(line, line.app, name, kind.about, fmt::format("  moetune {} 3", name),
                                    [id, name](Context& context) { return steer(context, name, *id); });
    command.add_option("ID", *id, "number of the sweep, see moetune sweeps")->required()->type_name("");
  }
}

}  // namespace moetune::cli
