#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "schema/error.hpp"

namespace CLI {  // NOLINT(readability-identifier-naming): not ours to name
class App;
}

namespace moetune::cli {

/// The flags of `tune` that tell a problem by hand. Where the problem comes from somewhere else (a model, a warning),
/// they correct what was found there. Holds what the command line gave; must outlive the parsing.
class ProblemFlags {
 public:
  void add_to(CLI::App& command);

  /// Checks that the flags alone tell a problem. Errors: invalid_argument naming the first that is missing.
  schema::Result<void> require_shape() const;
  /// Puts what was given into `spec`, the body of POST /sweeps, over what stands there; what was not given stays. A
  /// dtype that is not the one that stands there takes the block shape and the scales of the old one away.
  /// Errors: invalid_argument naming the flag.
  schema::Result<void> put(nlohmann::ordered_json& spec) const;
  /// The part of put() that is about E, N, hidden_size and topk.
  schema::Result<void> put_sizes(nlohmann::ordered_json& spec) const;

 private:
  void put_dtype(nlohmann::ordered_json& spec) const;
  schema::Result<void> put_switches(nlohmann::ordered_json& spec) const;

  // Empty text means not given.
  std::string experts_, intermediate_, hidden_size_, topk_;
  std::string dtype_, act_dtype_, block_shape_;
  std::string gated_, per_channel_quant_, router_weight_on_input_;
};

}  // namespace moetune::cli
