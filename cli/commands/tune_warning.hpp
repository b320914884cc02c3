#pragma once

#include <string>
#include <vector>

#include "cli/commands/command.hpp"
#include "cli/commands/model_flags.hpp"
#include "cli/commands/problem_flags.hpp"
#include "cli/commands/sweep_batch.hpp"
#include "cli/commands/sweep_flags.hpp"
#include "schema/engine_log.hpp"

namespace moetune::cli {

/// The problems whose files a line or a log of an engine misses (`tune --warning`), one sweep each with the engine's
/// own kernel. What file names do not carry comes from the flags, else from the model where one is given, else from the
/// problems that the database knows; -E and -N choose among several files. Errors: not_found when tuning would change
/// nothing; conflict when the file is one of another GPU; invalid_argument when the text tells of no file, or when
/// hidden_size and topk cannot be told: then with the flags that would tell them; or when none of the files is one of
/// the model's.
schema::Result<std::vector<SweepRequest>> problems_in_warning(Context& context, const std::string& given,
                                                              const ModelFlags& model, const ProblemFlags& problem,
                                                              const SweepFlags& sweep);

/// The problem whose kernel an engine's file steers, by its name: what that does not carry is found in the same way.
/// Errors: the same.
schema::Result<SweepRequest> problem_of_file(Context& context, const schema::LoggedFile& file, const ModelFlags& model,
                                             const ProblemFlags& problem, const SweepFlags& sweep);

}  // namespace moetune::cli
