#pragma once

#include <string>
#include <vector>

#include "cli/client.hpp"
#include "cli/query.hpp"
#include "cli/sweep_status.hpp"
#include "cli/table.hpp"

namespace moetune::cli {

/// Per batch: the default's microseconds, the chosen configuration with its microseconds and speedup, and why.
Table result_table(const std::map<std::int64_t, BatchBest>& bests);

/// The fields that a question about a sweep's rows repeats, as in GET /best. The kernel of recorded rows is not among
/// them: the recording names it, the sweep does not.
nlohmann::json fields_of_rows(const SweepStatus& status);

/// The question about rows of these fields, as GET /best takes it.
Query query_of_fields(const nlohmann::json& fields);

/// What one does next with rows of these fields, as lines to paste: export the file, ask over HTTP. `prefix`: how the
/// command line reaches this daemon ("moetune --data-dir D").
std::vector<std::string> next_steps(const nlohmann::json& fields, const std::string& prefix, const Endpoint& endpoint);

/// Lines that say how many candidates came from which imported engine file and from which other problem, and warnings
/// about the GPUs; none when there was nothing of that.
std::vector<std::string> seed_lines(const SweepStatus& status);

}  // namespace moetune::cli
