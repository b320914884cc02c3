#pragma once

#include "daemon/http/route.hpp"

/// The handlers of the route table, by noun: one routes_NOUN.cpp each.
namespace moetune::daemon::http {

// answers
schema::Result<Response> get_best(App& app, Request& request);
schema::Result<Response> get_export(App& app, Request& request);
schema::Result<Response> get_guarantee(App& app, Request& request);
schema::Result<Response> get_merge(App& app, Request& request);
schema::Result<Response> get_publication(App& app, Request& request);

// sweeps
schema::Result<Response> post_sweep(App& app, Request& request);
schema::Result<Response> get_sweeps(App& app, Request& request);
schema::Result<Response> get_sweep(App& app, Request& request);
schema::Result<Response> pause_sweep(App& app, Request& request);
schema::Result<Response> resume_sweep(App& app, Request& request);
schema::Result<Response> cancel_sweep(App& app, Request& request);
schema::Result<Response> discard_sweep(App& app, Request& request);
schema::Result<Response> get_sweep_events(App& app, Request& request);
schema::Result<Response> get_sweep_comparison(App& app, Request& request);

// trials
schema::Result<Response> get_trials(App& app, Request& request);
schema::Result<Response> post_import(App& app, Request& request);
schema::Result<Response> post_upload(App& app, Request& request);
schema::Result<Response> get_upload_groups(App& app, Request& request);

// candidates
schema::Result<Response> get_candidates(App& app, Request& request);
schema::Result<Response> get_candidate_set(App& app, Request& request);
schema::Result<Response> get_candidate_file(App& app, Request& request);
schema::Result<Response> discard_candidates(App& app, Request& request);
/// POST /import of engine files.
schema::Result<Response> import_candidates(App& app, Request& request);

// routings of counted experts
schema::Result<Response> get_routings(App& app, Request& request);
schema::Result<Response> get_routing(App& app, Request& request);

// traffic
schema::Result<Response> post_traffic(App& app, Request& request);
schema::Result<Response> get_traffic(App& app, Request& request);

// catalog
schema::Result<Response> get_devices(App& app, Request& request);
schema::Result<Response> get_problems(App& app, Request& request);

// storage
schema::Result<Response> get_cache(App& app, Request& request);
schema::Result<Response> trim_cache(App& app, Request& request);
schema::Result<Response> clear_cache(App& app, Request& request);
schema::Result<Response> explain_cache(App& app, Request& request);
schema::Result<Response> check_db(App& app, Request& request);
schema::Result<Response> backup_db(App& app, Request& request);

// service
schema::Result<Response> get_health(App& app, Request& request);
schema::Result<Response> get_metrics(App& app, Request& request);
schema::Result<Response> get_openapi(App& app, Request& request);
schema::Result<Response> get_doctor(App& app, Request& request);
schema::Result<Response> get_index(App& app, Request& request);

}  // namespace moetune::daemon::http
