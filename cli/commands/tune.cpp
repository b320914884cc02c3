#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "cli/commands/command.hpp"
#include "cli/commands/problem_flags.hpp"
#include "cli/commands/sweep_batch.hpp"
#include "cli/commands/sweep_flags.hpp"

namespace moetune::cli {
namespace {

using schema::Result;

constexpr const char* k_examples =
    "  moetune tune -E 256 -N 512 --hidden-size 2048 --topk 8 --dtype fp8_w8a8 --block-shape 128,128\n"
    "  moetune tune -E 8 -N 14336 --hidden-size 4096 --topk 2 --batch 1,2,4,8 --detach\n"
    "Ctrl-C detaches: the sweep goes on, and `moetune sweep ID --follow` shows it again.";

struct TuneFlags {
  ProblemFlags problem;
  SweepFlags sweep;
};

/// The problems to tune, as the fields that they have in a sweep; nothing but those fields.
Result<std::vector<SweepRequest>> problems_of(const TuneFlags& flags) {
  if (auto shape = flags.problem.require_shape(); !shape) return std::unexpected(shape.error());
  return std::vector<SweepRequest>(1);
}

Result<ExitStatus> tune(Context& context, const TuneFlags& flags) {
  auto requests = problems_of(flags);
  if (!requests) return std::unexpected(requests.error());
  for (SweepRequest& request : *requests) {
    if (auto put = flags.problem.put(request.spec); !put) return std::unexpected(put.error());
    if (auto put = flags.sweep.put(request.spec); !put) return std::unexpected(put.error());
    if (auto checked = check_spec(request.spec); !checked) return std::unexpected(checked.error());
  }
  return tune_all(context, *requests, flags.sweep.recording(), flags.sweep.detach() ? Detach::yes : Detach::no);
}

}  // namespace

void add_tune(CommandLine& line) {
  const auto flags = std::make_shared<TuneFlags>();
  CLI::App& command = add_command(line, line.app, "tune", "Tune a problem: create a sweep and follow it to its end",
                                  k_examples, [flags](Context& context) { return tune(context, *flags); });
  flags->problem.add_to(command);
  flags->sweep.add_to(command);
}

}  // namespace moetune::cli
