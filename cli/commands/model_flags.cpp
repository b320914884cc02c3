#include "cli/commands/model_flags.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "cli/model_file.hpp"
#include "cli/text.hpp"
#include "schema/group.hpp"

namespace moetune::cli {

using schema::ErrorCode;
using schema::fail;
using schema::Result;

namespace {

/// What a person should know of a shape before it is tuned.
void warn_of_blocks(Context& context, const schema::ModelShape& shape) {
  const auto& block = shape.vllm.block_shape;
  if (!block || block->n <= 0 || shape.vllm.intermediate_size % block->n == 0) return;
  context.err.line(fmt::format("note: tp {}: N={} is no multiple of the quantisation block's {}; engines may refuse it",
                               shape.parallelism.tp, shape.vllm.intermediate_size, block->n));
}

}  // namespace

Result<void> ModelFlags::check() const {
  if (given()) return {};
  for (const auto& [flag, is_given] : {std::pair{"--tp", !tp_.empty()}, {"--ep", ep_}}) {
    if (is_given) return fail(ErrorCode::invalid_argument, fmt::format("{} goes with --model", flag));
  }
  return {};
}

Result<std::vector<std::int64_t>> ModelFlags::ranks() const {
  std::vector<std::int64_t> ranks;
  for (const auto& part : split(tp_.empty() ? "1" : tp_, ',')) {
    const auto tp = schema::integer_from_text("--tp", part, 1, schema::k_max_ranks);
    if (!tp) return std::unexpected(tp.error());
    if (std::ranges::find(ranks, *tp) != ranks.end())
      return fail(ErrorCode::invalid_argument, fmt::format("--tp lists {} twice", *tp));
    ranks.push_back(*tp);
  }
  return ranks;
}

Result<std::vector<schema::ModelShape>> ModelFlags::shapes(Context& context) const {
  const auto ranks = this->ranks();
  if (!ranks) return std::unexpected(ranks.error());
  const auto named = [&](const schema::Error& error) {
    return fail(error.code, fmt::format("--model: {}", error.message));
  };
  const auto file = find_model_config(model_, context.environment);
  if (!file) return named(file.error());
  const auto config = read_model_config(*file);
  if (!config) return named(config.error());
  const auto model = schema::moe_model_from_json(*config);
  if (!model) return fail(model.error().code, fmt::format("--model {}: {}", printable(model_), model.error().message));
  for (const std::string& note : model->notes) context.err.line("note: " + printable(note));
  std::vector<schema::ModelShape> all;
  for (const auto tp : *ranks) {
    auto shapes = schema::shapes_of(*model, {tp, ep_});
    if (!shapes) return fail(shapes.error().code, fmt::format("--tp {}: {}", tp, shapes.error().message));
    for (auto& shape : *shapes) {
      warn_of_blocks(context, shape);
      all.push_back(std::move(shape));
    }
  }
  return all;
}

void ModelFlags::add_to(CLI::App& command, Model model) {
  CLI::Option* path =
      command.add_option("--model", model_, "config.json, model folder, or name in the Hugging Face cache");
  path->type_name("PATH")->group("Model")->required(model == Model::required);
  command.add_option("--tp", tp_, "tensor parallelism: ranks, one value or several (default: 1)")
      ->type_name("N,N,..")
      ->group("Model");
  command.add_flag("--ep", ep_, "expert parallelism: whole experts on each of the --tp ranks")->group("Model");
}

}  // namespace moetune::cli
