#pragma once

#include <string>
#include <vector>

#include "cli/commands/command.hpp"
#include "cli/commands/sweep_batch.hpp"

namespace moetune::cli {

/// What becomes of a request for a file of another GPU than the recording's.
enum class OtherDevice {
  left_out,  ///< the others go on without it
  refused,   ///< the files are compared together or not at all
};

/// Uploads the recording `path`, once for all, and completes the requests by what it holds: the kernel, where none was
/// named, is the one that the request's file steers (without a file `cuda`), or the only one that there are times of.
/// Nothing is done when `path` is empty. Errors: invalid_argument when there are times of several others, naming them;
/// conflict when all requests are left out, or one is refused; those of the daemon, about `path`.
schema::Result<void> use_recording(Context& context, const Client& client, std::vector<SweepRequest>& requests,
                                   const std::string& path, OtherDevice other);

/// The daemon's word for the file of a request, replaced by the path that the user gave.
schema::Error in_terms_of_file(schema::Error error, const SweepRequest& request, const std::string& path);

}  // namespace moetune::cli
