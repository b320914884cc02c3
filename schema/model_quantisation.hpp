#pragma once

#include <optional>
#include <string>
#include <vector>

#include "schema/error.hpp"
#include "schema/model_view.hpp"
#include "schema/problem.hpp"

namespace moetune::schema {

/// How a checkpoint's experts are quantised, in the engines' words.
struct Quantisation {
  Dtype dtype = Dtype::none;
  std::optional<BlockShape> block_shape = {};  ///< [0, group] for groups along the reduction alone
  bool per_channel_quant = false;

  bool operator==(const Quantisation&) const = default;
};

/// Reads quantization_config (or compression_config) of the root, else of a nested view; a model without one is not
/// quantised. What a person should know is appended to `notes`. Errors: invalid_argument naming the field;
/// conflict for a form whose kernels read no tuned file, with the reason.
Result<Quantisation> quantisation_of(const std::vector<ModelView>& views, std::vector<std::string>& notes);

/// An error for models that no file can be tuned for: conflict, "nothing to tune: ...".
[[nodiscard]] std::unexpected<Error> nothing_to_tune(const std::string& why);

}  // namespace moetune::schema
