#include "daemon/http/parameters.hpp"
#include "daemon/http/routes.hpp"

namespace moetune::daemon::http {
namespace {

constexpr std::string_view k_json = "application/json";
constexpr std::string_view k_lines = "application/x-ndjson";
constexpr std::string_view k_bytes = "application/octet-stream";

Route get(std::string_view pattern, Handler handler, std::vector<std::string_view> query = {},
          Load load = Load::quick) {
  return {"GET", pattern, handler, std::move(query), BodyKind::none, {}, load};
}

Route post(std::string_view pattern, Handler handler, BodyKind body, std::vector<std::string_view> media = {k_json},
           Load load = Load::quick) {
  return {"POST", pattern, handler, {}, body, std::move(media), load};
}

}  // namespace

const std::vector<Route>& route_table() {
  using enum BodyKind;
  static const std::vector<Route> table = {
      get("/", get_index),
      get("/best", get_best, with_group_parameters({"batch", "traffic", "kernel_share"})),
      get("/export", get_export, with_group_parameters({"format", "gemm", "allow_recorded", "merge", "robust"})),
      get("/guarantee", get_guarantee, with_group_parameters({"format", "gemm", "allow_recorded", "merge", "robust"})),
      get("/merge", get_merge, with_group_parameters({"format", "allow_recorded", "robust"})),
      get("/publication", get_publication, {"kernel", "format", "allow_recorded", "allow_gaps"}),
      get("/sweeps", get_sweeps, {"limit", "after"}),
      post("/sweeps", post_sweep, json),
      get("/sweeps/{id}", get_sweep),
      get("/sweeps/{id}/events", get_sweep_events, {}, Load::events),
      get("/sweeps/{id}/comparison", get_sweep_comparison),
      post("/sweeps/{id}/pause", pause_sweep, optional_json),
      post("/sweeps/{id}/resume", resume_sweep, optional_json),
      post("/sweeps/{id}/cancel", cancel_sweep, optional_json),
      post("/sweeps/{id}/discard", discard_sweep, optional_json),
      get("/trials", get_trials,
          with_group_parameters({"batch", "status", "sweep", "discarded", "limit", "after", "format"})),
      post("/uploads", post_upload, pieces, {k_bytes, k_json, k_lines}, Load::bulk),
      get("/uploads/{id}/groups", get_upload_groups, {}, Load::bulk),
      post("/import", post_import, pieces, {k_lines, k_bytes, k_json}, Load::bulk),
      get("/candidates", get_candidates,
          {"E", "N", "dtype", "block_shape", "device", "engine", "discarded", "limit", "after"}),
      get("/candidates/{id}", get_candidate_set),
      get("/candidates/{id}/file", get_candidate_file),
      post("/candidates/{id}/discard", discard_candidates, optional_json),
      get("/routings", get_routings, {"limit", "after"}),
      get("/routings/{id}", get_routing),
      get("/traffic", get_traffic, {"id"}),
      post("/traffic", post_traffic, json),
      get("/devices", get_devices, {"limit", "after"}),
      get("/problems", get_problems, {"limit", "after"}),
      get("/cache", get_cache),
      get("/cache/explain", explain_cache, {"key"}),
      post("/cache/trim", trim_cache, optional_json),
      post("/cache/clear", clear_cache, optional_json),
      get("/db/check", check_db, {}, Load::bulk),
      get("/db/backup", backup_db, {}, Load::bulk),
      get("/doctor", get_doctor),
      get("/healthz", get_health),
      get("/metrics", get_metrics),
      get("/openapi.json", get_openapi),
  };
  return table;
}

}  // namespace moetune::daemon::http
