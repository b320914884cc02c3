#pragma once

#include <string>

#include "cli/query.hpp"
#include "schema/error.hpp"

namespace CLI {  // NOLINT(readability-identifier-naming): not ours to name
class App;
}

namespace moetune::cli {

/// The flag with which a person says what share of a step's time the kernel takes, so that GET /best tells what a whole
/// step gains. Holds what the command line gave; must outlive the parsing.
class KernelShare {
 public:
  void add_to(CLI::App& command);
  /// Adds what was given. Errors: invalid_argument naming the flag.
  schema::Result<void> put(Query& query) const;

 private:
  std::string text_;
};

}  // namespace moetune::cli
