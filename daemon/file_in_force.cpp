#include "daemon/file_in_force.hpp"

#include <array>
#include <utility>

#include "daemon/deciding_sweep.hpp"
#include "daemon/file_plan.hpp"
#include "db/kept_file_store.hpp"
#include "db/traffic_store.hpp"

namespace moetune::daemon {
namespace {

using schema::EngineFormat;
using schema::Result;
using OptionalPlan = std::optional<FilePlan>;

constexpr std::array k_formats = {EngineFormat::vllm, EngineFormat::sglang};

Result<std::optional<std::int64_t>> traffic_id(db::Snapshot& snapshot) {
  const auto traffic = db::newest_traffic(snapshot);
  if (!traffic) return std::unexpected(traffic.error());
  return *traffic ? std::optional((*traffic)->id) : std::nullopt;
}

/// Nothing where the rows of finished sweeps make no file of that format.
Result<OptionalPlan> plan_of(db::Snapshot& snapshot, EngineFormat format, const db::GroupMatch& match,
                             const FileInForce* before) {
  auto plan = plan_file(snapshot, format, {match}, db::Runs::finished, before);
  if (plan) return OptionalPlan(std::move(*plan));
  if (plan.error().code == schema::ErrorCode::conflict) return OptionalPlan();
  return std::unexpected(plan.error());
}

std::vector<search::CoverKey> keys_of(const FilePlan& plan) {
  std::vector<search::CoverKey> keys;
  for (const auto& [batch, config] : plan.rows()) keys.push_back({batch, config});
  return keys;
}

}  // namespace

Result<FileInForce> file_in_force(db::Snapshot& snapshot, EngineFormat format, std::int64_t group) {
  const auto kept = db::newest_kept_file(snapshot, group, format);
  if (!kept) return std::unexpected(kept.error());
  if (!*kept) return FileInForce();
  const auto traffic = traffic_id(snapshot);
  if (!traffic) return std::unexpected(traffic.error());
  if ((*kept)->traffic != *traffic) return FileInForce();
  FileInForce file{(*kept)->sweep, {}};
  for (const auto& [batch, config] : (*kept)->keys) file.keys.push_back({batch, config});
  return file;
}

Result<FilesInForce> files_in_force(db::Snapshot& snapshot, const schema::Group& group) {
  const auto match = match_of(snapshot, group);
  if (!match) return std::unexpected(match.error());
  FilesInForce files;
  if (!*match) return files;
  for (const EngineFormat format : k_formats) {
    const auto plan = plan_of(snapshot, format, **match, nullptr);
    if (!plan) return std::unexpected(plan.error());
    if (!*plan) continue;
    files[format].keys = keys_of(**plan);
  }
  return files;
}

Result<std::map<std::int64_t, schema::TileConfig>> in_force_at(db::Snapshot& snapshot, const schema::Group& group,
                                                               std::span<const std::int64_t> batches) {
  std::map<std::int64_t, schema::TileConfig> runs;
  const auto match = match_of(snapshot, group);
  if (!match) return std::unexpected(match.error());
  if (!*match) return runs;
  const auto plan = plan_of(snapshot, EngineFormat::sglang, **match, nullptr);
  if (!plan) return std::unexpected(plan.error());
  if (!*plan) return runs;
  const auto keys = keys_of(**plan);
  for (const std::int64_t batch : batches) runs.emplace(batch, search::config_at(keys, batch));
  return runs;
}

Result<void> keep_files(db::Transaction& transaction, const schema::Group& group, std::int64_t sweep,
                        const FilesInForce& before) {
  const auto match = match_of(transaction, group);
  if (!match) return std::unexpected(match.error());
  if (!*match) return {};
  const auto traffic = traffic_id(transaction);
  if (!traffic) return std::unexpected(traffic.error());
  for (const EngineFormat format : k_formats) {
    const auto known = before.find(format);
    const auto in_force = known == before.end() ? FileInForce() : known->second;
    const auto plan = plan_of(transaction, format, **match, &in_force);
    if (!plan) return std::unexpected(plan.error());
    if (!*plan) continue;
    const auto rows = (*plan)->rows();
    const db::KeptFile file{sweep, *traffic, {rows.begin(), rows.end()}};
    if (auto kept = db::keep_file(transaction, (*match)->id, format, file); !kept) return kept;
  }
  return {};
}

}  // namespace moetune::daemon
