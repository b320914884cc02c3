#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/commands/command.hpp"
#include "schema/model_shape.hpp"

namespace moetune::cli {

/// The flags that name a model and how it is spread. Holds what the command line gave; must outlive the parsing.
class ModelFlags {
 public:
  enum class Model { required, optional };
  void add_to(CLI::App& command, Model model);

  bool given() const { return !model_.empty(); }
  /// As the user named it; empty when it was not given.
  const std::string& name() const { return model_; }
  /// --tp or --ep without --model. Errors: invalid_argument.
  schema::Result<void> check() const;
  /// The model's shapes, one for each kind of layer and each value of --tp, in that order. Tells `context.err` what a
  /// person should check. Errors: invalid_argument naming the file or the field; conflict when there is nothing to
  /// tune.
  schema::Result<std::vector<schema::ModelShape>> shapes(Context& context) const;

 private:
  schema::Result<std::vector<std::int64_t>> ranks() const;

  std::string model_;
  std::string tp_;
  bool ep_ = false;
};

}  // namespace moetune::cli
