#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/query.hpp"
#include "schema/error.hpp"

namespace CLI {  // NOLINT(readability-identifier-naming): not ours to name
class App;
class Option;
}  // namespace CLI

namespace moetune::cli {

/// The flags that name a group, shared by the commands that ask about rows. Holds what the command line gave; must
/// outlive the parsing.
class GroupFlags {
 public:
  /// Whether -E and -N must be given; in_file_name: only the flags that say what the name of an engine's file says.
  enum class Shape { required, optional, in_file_name };
  void add_to(CLI::App& command, Shape shape);

  /// The flags that were given as query parameters. Errors: invalid_argument naming the flag.
  schema::Result<Query> query() const;
  bool has(const std::string& field) const;
  /// What was given, as flags again.
  std::vector<std::string> words() const;

 private:
  std::map<std::string, std::string> values_;  ///< by field
  std::map<std::string, CLI::Option*> options_;
};

/// The fields of a group or problem as flags, ready to be pasted: {"E": 256, "dtype": null} is {"-E", "256", "--dtype",
/// "none"}. Fields that no flag exists for are left out.
std::vector<std::string> flags_of(const nlohmann::json& fields);
/// The same, only for the named field.
std::vector<std::string> flag_of(const std::string& field, const nlohmann::json& value);

/// A field's value as flags and query parameters spell it: null is "none", [128, 128] is "128,128".
std::string flag_value_text(const nlohmann::json& value);

/// The fields by which the groups differ.
std::vector<std::string> differing_fields(const nlohmann::json& groups);

}  // namespace moetune::cli
