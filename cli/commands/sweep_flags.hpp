#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/commands/sweep_variants.hpp"
#include "schema/error.hpp"

namespace CLI {  // NOLINT(readability-identifier-naming): not ours to name
class App;
}

namespace moetune::cli {

/// The flags of `tune` that say how to tune, whatever the problem, and those of them that `compare` has too. Holds what
/// the command line gave; must outlive the parsing.
class SweepFlags {
 public:
  void add_to(CLI::App& command);
  /// Only those that say how to measure, not what. `kernel_help`: what --kernel is.
  void add_measuring_to(CLI::App& command, const std::string& kernel_help);

  /// Puts what was given into `spec`, the body of POST /sweeps: the defaults are the daemon's. With a recording the
  /// field holds a placeholder, since it is uploaded when the sweep is created. Errors: invalid_argument naming the
  /// flag.
  schema::Result<void> put(nlohmann::ordered_json& spec) const;
  /// What put() leaves out, since there may be several: the routings and the places of the weights to tune under, at
  /// least one. Errors: the same.
  schema::Result<std::vector<SweepVariant>> variants() const;
  /// The kernel that was named, empty when none was.
  const std::string& kernel() const { return kernel_; }
  /// The file of --recording, empty when none was given.
  const std::string& recording() const { return recording_; }
  bool detach() const { return detach_; }

 private:
  schema::Result<void> put_numbers(nlohmann::ordered_json& spec) const;

  // Empty text means not given.
  std::string batch_, kernel_, space_, strategy_, routing_, l2_, gpus_, seed_, recording_, level_, min_gain_;
  bool reuse_ = false;
  bool retry_failed_ = false;
  bool no_scan_ = false;
  bool no_imported_ = false;
  bool no_between_ = false;
  bool compile_ = false;
  bool detach_ = false;
};

/// A number without the limits that the field has: those are the schema's to check.
schema::Result<std::int64_t> whole_number(const std::string& flag, const std::string& text);

/// "99" as 0.99, without the limits that the field has. Errors: invalid_argument naming the flag.
schema::Result<double> share_of_percent(const std::string& flag, const std::string& text);

/// "1,2,4" as [1, 2, 4]. Errors: invalid_argument naming the flag.
schema::Result<nlohmann::ordered_json> number_list(const std::string& flag, const std::string& text);

/// A message about the field "sweep.hidden_size" in terms of the flag that the person gave.
std::string in_terms_of_flags(const std::string& message);

}  // namespace moetune::cli
