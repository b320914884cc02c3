#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>

#include "cli/commands/command.hpp"
#include "cli/commands/model_flags.hpp"
#include "cli/commands/problem_flags.hpp"
#include "cli/commands/sweep_batch.hpp"
#include "cli/commands/sweep_flags.hpp"
#include "cli/commands/tune_warning.hpp"
#include "cli/kernel_share.hpp"
#include "cli/query.hpp"
#include "cli/text.hpp"
#include "schema/model_shape.hpp"

namespace moetune::cli {
namespace {

using nlohmann::ordered_json;
using schema::ErrorCode;
using schema::fail;
using schema::ModelShape;
using schema::Problem;
using schema::Result;

constexpr const char* k_examples =
    "  moetune tune --model Qwen/Qwen3-30B-A3B --tp 1,4\n"
    "  moetune tune -E 256 -N 512 --hidden-size 2048 --topk 8 --dtype fp8_w8a8 --block-shape 128,128\n"
    "  moetune tune -E 8 -N 14336 --hidden-size 4096 --topk 2 --batch 1,2,4,8 --detach\n"
    "  moetune tune --warning vllm.log --model Qwen/Qwen3-30B-A3B\n"
    "Ctrl-C detaches: the sweep goes on, and `moetune sweep ID --follow` shows it again.";

struct TuneFlags {
  std::string warning;
  ModelFlags model;
  ProblemFlags problem;
  SweepFlags sweep;
  KernelShare share;
};

std::string title_of(const ModelShape& shape, const Problem& problem) {
  return fmt::format("{}, tp {}{}: E={}, N={}", printable(shape.architecture), shape.parallelism.tp,
                     shape.parallelism.expert_parallel ? " with whole experts" : "", problem.num_experts,
                     problem.intermediate_size);
}

/// One for each distinct problem of the model, as the engine of the kernel sees it. Sizes that were given choose among
/// them.
Result<std::vector<SweepRequest>> problems_of_model(Context& context, const TuneFlags& flags) {
  const auto shapes = flags.model.shapes(context);
  if (!shapes) return std::unexpected(shapes.error());
  ordered_json asked;
  if (auto put = flags.problem.put_sizes(asked); !put) return std::unexpected(put.error());
  std::vector<SweepRequest> requests;
  std::string all;
  for (const ModelShape& shape : *shapes) {
    const Problem& problem = shape.problem(schema::engine_of_kernel(flags.sweep.kernel()));
    SweepRequest request{.spec = {}, .title = title_of(shape, problem)};
    write_problem(problem, request.spec);
    all += fmt::format("{}{}", all.empty() ? "" : "; ", short_text(problem));
    const bool is_asked = std::ranges::all_of(
        asked.items(), [&](const auto& field) { return request.spec[field.key()] == field.value(); });
    const bool is_known =
        std::ranges::any_of(requests, [&](const SweepRequest& other) { return other.spec == request.spec; });
    if (is_asked && !is_known) requests.push_back(std::move(request));
  }
  if (!requests.empty()) return requests;
  return fail(ErrorCode::invalid_argument,
              fmt::format("no shape of --model has the sizes given (-E, -N, --hidden-size, --topk); it has: {}", all));
}

/// The problems to tune, as the fields that they have in a sweep; nothing but those fields.
Result<std::vector<SweepRequest>> problems_of(Context& context, const TuneFlags& flags) {
  if (auto checked = flags.model.check(); !checked) return std::unexpected(checked.error());
  if (!flags.warning.empty())
    return problems_in_warning(context, flags.warning, flags.model, flags.problem, flags.sweep);
  if (flags.model.given()) return problems_of_model(context, flags);
  if (auto shape = flags.problem.require_shape(); !shape) return std::unexpected(shape.error());
  return std::vector<SweepRequest>(1);
}

SweepRequest under(const SweepVariant& variant, SweepRequest request) {
  request.spec.update(variant.fields);
  if (!request.title.empty() && !variant.title.empty()) request.title += ", ";
  request.title += variant.title;
  return request;
}

Result<ExitStatus> tune(Context& context, const TuneFlags& flags) {
  Query unused;
  if (auto put = flags.share.put(unused); !put) return std::unexpected(put.error());
  const auto variants = flags.sweep.variants();
  if (!variants) return std::unexpected(variants.error());
  auto requests = problems_of(context, flags);
  if (!requests) return std::unexpected(requests.error());
  std::vector<SweepRequest> all;
  for (SweepRequest& request : *requests) {
    if (auto put = flags.problem.put(request.spec); !put) return std::unexpected(put.error());
    if (auto put = flags.sweep.put(request.spec); !put) return std::unexpected(put.error());
    for (const SweepVariant& variant : *variants) {
      all.push_back(under(variant, request));
      if (auto checked = check_spec(all.back().spec); !checked) return std::unexpected(checked.error());
    }
  }
  return tune_all(context, std::move(all), flags.sweep.recording(), flags.sweep.detach() ? Detach::yes : Detach::no,
                  flags.share);
}

}  // namespace

void add_tune(CommandLine& line) {
  const auto flags = std::make_shared<TuneFlags>();
  CLI::App& command = add_command(line, line.app, "tune", "Tune a problem: create a sweep and follow it to its end",
                                  k_examples, [flags](Context& context) { return tune(context, *flags); });
  command
      .add_option(
          "--warning", flags->warning,
          "a line of vLLM or SGLang that tells of a missing file, or FILE, a whole log (- for stdin): tunes what "
          "is missing, with that engine's kernel; -E and -N choose among several")
      ->type_name("LINE|FILE")
      ->group("Problem");
  flags->model.add_to(command, ModelFlags::Model::optional);
  flags->problem.add_to(command);
  flags->sweep.add_to(command);
  flags->share.add_to(command);
}

}  // namespace moetune::cli
