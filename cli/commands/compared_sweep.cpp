#include "cli/commands/compared_sweep.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "cli/commands/recorded_sweep.hpp"
#include "cli/group_flags.hpp"
#include "cli/sweep_status.hpp"
#include "cli/text.hpp"
#include "schema/engine_rules.hpp"

namespace moetune::cli {
namespace {

using nlohmann::ordered_json;
using schema::ErrorCode;
using schema::fail;
using schema::Result;

Result<schema::Problem> problem_of(const ordered_json& spec) {
  const nlohmann::json value = spec;
  schema::ObjectReader reader(value, "sweep");
  auto problem = schema::read_problem(reader, schema::Absent::none);
  if (reader.ok()) return problem;
  return fail(ErrorCode::data_damaged, "the sweep's problem cannot be read");
}

/// The fastest configuration that the database knows for each batch, as the engine would find it in a file of them all
/// (nearest key), and as it runs. Empty when nothing is known.
Result<KnownBests> known_bests(const Client& client, const ordered_json& spec, const schema::Problem& problem,
                               const std::string& device, const std::vector<std::int64_t>& batches) {
  Query query;
  ordered_json fields;
  schema::write_problem(problem, fields);
  if (spec.contains("kernel")) fields["kernel"] = spec["kernel"];
  fields["l2"] = spec.value("l2", "cold");
  // Counts have no name yet: what is best under uniform routing is a competitor too.
  if (spec.contains("routing") && spec["routing"].is_string()) fields["routing"] = spec["routing"];
  for (const auto& [name, value] : fields.items()) query.add(name, flag_value_text(value));
  const auto answer = client.get("/best", query);
  if (!answer && answer.error().code == ErrorCode::not_found) return KnownBests();
  if (!answer) return std::unexpected(answer.error());
  // Measured rows say most about what is measured now, then recorded ones.
  const auto groups = answer->value("results", ordered_json::array());
  KnownBests bests;
  for (const char* origin : {"measured", "recorded", "imported"}) {
    for (const auto& group : groups) {
      if (group.value("origin", "") != origin || !bests.empty()) continue;
      if (!is_device(device, group.value("device", ""))) continue;
      const auto rows = batch_bests_from_json(group.value("configs", ordered_json::object()));
      if (!rows) return std::unexpected(rows.error());
      std::vector<std::int64_t> keys;
      for (const auto& [key, best] : *rows) {
        if (best.config) keys.push_back(key);
      }
      if (keys.empty()) continue;
      for (const auto batch : batches) {
        bests[batch] = schema::effective_config(problem, *rows->at(schema::nearest_key(keys, batch)).config);
      }
    }
  }
  return bests;
}

/// Each file's row and the best known configuration of every batch.
Result<ordered_json> candidates_of(const std::vector<ComparedFile>& files, const std::vector<std::int64_t>& batches,
                                   const KnownBests& known) {
  ordered_json candidates = ordered_json::array();
  const auto add = [&](std::int64_t batch, const schema::TileConfig& config) {
    candidates.push_back({{"batch", batch}, {"config", schema::to_json(config)}});
  };
  for (const auto batch : batches) {
    for (const ComparedFile& file : files) {
      const auto row = file.row_for(batch);
      if (!row) return std::unexpected(row.error());
      add(batch, row->config);
    }
    if (const auto best = known.find(batch); best != known.end()) add(batch, best->second);
  }
  return candidates;
}

/// Where the sweep was told a best known, it is the last candidate of each batch.
Result<KnownBests> known_when_created(const ordered_json& spec, const schema::Problem& problem) {
  KnownBests known;
  if (!spec.value("best_known", false)) return known;
  for (const auto& candidate : spec.value("candidates", ordered_json::array())) {
    const auto config = schema::tile_config_from_json(nlohmann::json(candidate.value("config", ordered_json())));
    if (!config) return fail(ErrorCode::data_damaged, "the sweep's candidates cannot be read");
    known[candidate.value("batch", std::int64_t{0})] = schema::effective_config(problem, *config);
  }
  return known;
}

}  // namespace

Result<ComparedSweep> create_compared_sweep(Context& context, const Client& client,
                                            const std::vector<ComparedFile>& files, SweepRequest request,
                                            const std::vector<std::int64_t>& batches, const ordered_json& rounds,
                                            const std::string& recording) {
  const auto problem = problem_of(request.spec);
  if (!problem) return std::unexpected(problem.error());
  std::vector<SweepRequest> requests = {std::move(request)};
  auto used = use_recording(context, client, requests, recording, OtherDevice::refused);
  if (!used) return std::unexpected(used.error());
  ordered_json& spec = requests.front().spec;
  auto known = known_bests(client, spec, *problem, files.front().file.name.device, batches);
  if (!known) return std::unexpected(known.error());
  auto candidates = candidates_of(files, batches, *known);
  if (!candidates) return std::unexpected(candidates.error());
  spec["candidates"] = std::move(*candidates);
  spec["rounds"] = rounds;
  if (!known->empty()) spec["best_known"] = true;  // an older daemon does not know the field
  if (auto checked = check_spec(spec); !checked) return std::unexpected(checked.error());
  const auto ids = create_sweeps(context, client, requests, recording);
  if (!ids) return std::unexpected(ids.error());
  return ComparedSweep{.id = ids->front(), .problem = *problem, .known = std::move(*known)};
}

Result<ComparedSweep> take_up_compared_sweep(const Client& client, std::int64_t id,
                                             const std::vector<ComparedFile>& files) {
  const auto answer = client.get(fmt::format("/sweeps/{}", id));
  if (!answer) return std::unexpected(answer.error());
  const auto problem = problem_of(answer->value("spec", ordered_json()));
  if (!problem) return std::unexpected(problem.error());
  const schema::LoggedFile& file = files.front().file;
  const auto name_for = [&](const schema::Problem& named) {
    return schema::engine_file_name(file.engine, file.name.device, named).value_or("");
  };
  const auto own = schema::problem_of(file.name);
  if (!own || name_for(*own) != name_for(*problem)) {
    return fail(ErrorCode::conflict, fmt::format("sweep {} is about {}, and {} is no file of that", id,
                                                 short_text(*problem), printable(file.text)));
  }
  auto known = known_when_created((*answer)["spec"], *problem);
  if (!known) return std::unexpected(known.error());
  return ComparedSweep{.id = id, .problem = *problem, .known = std::move(*known)};
}

}  // namespace moetune::cli
