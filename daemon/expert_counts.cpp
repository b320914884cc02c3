#include "daemon/expert_counts.hpp"

#include <fmt/format.h>

#include "db/routing_store.hpp"
#include "kernels/sha256.hpp"

namespace moetune::daemon {

using schema::ErrorCode;
using schema::fail;
using schema::Result;

std::string routing_of(const schema::ExpertCounts& counts) {
  const schema::Routing routing{
      .kind = schema::RoutingKind::counts,
      .exponent = 0,
      .digest = kernels::sha256_hex(to_json(counts).dump()).substr(0, schema::k_counts_digits)};
  return name_of(routing);
}

Result<std::optional<schema::ExpertCounts>> expert_counts_of(db::Snapshot& snapshot, const schema::SweepSpec& spec) {
  if (spec.expert_counts) return spec.expert_counts;
  const auto routing = schema::routing_from_name(spec.routing);
  if (!routing) return std::unexpected(routing.error());
  if (routing->kind != schema::RoutingKind::counts || spec.recording) return std::optional<schema::ExpertCounts>();
  auto stored = db::find_expert_counts(snapshot, spec.routing);
  if (!stored) return std::unexpected(stored.error());
  if (!*stored) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("routing {}: its counts are not known here, give the file itself", spec.routing));
  }
  if (auto fits = schema::check_expert_counts((*stored)->counts, spec.problem); !fits) {
    return std::unexpected(fits.error());
  }
  return std::optional(std::move((*stored)->counts));
}

}  // namespace moetune::daemon
