#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/report/evidence.hpp"
#include "cli/report/serve_runs.hpp"
#include "schema/model_shape.hpp"

namespace moetune::cli {

/// A model whose layers read the file, and how its sizes come about.
struct ServedModel {
  std::string name;  ///< as the user named it
  schema::ModelShape shape;
};

/// What a report says besides the evidence.
struct ReportParts {
  std::vector<ServedModel> models;
  std::optional<ServeComparison> serve;
  std::optional<std::string> plot;  ///< name of the picture's file
  std::string tune_command;
  std::string export_command;
};

/// The body of a pull request in the form that the engine's project asks for, its title as the first line. What only a
/// person can add is a list of open boxes at the end.
std::vector<std::string> report_lines(const Evidence& evidence, const ReportParts& parts);

}  // namespace moetune::cli
