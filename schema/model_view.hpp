#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "schema/error.hpp"
#include "schema/model_architecture.hpp"

namespace moetune::schema {

/// A field of config.json that was found, with the path that leads to it: "text_config.num_experts". Refers to the
/// config.
struct ModelField {
  const nlohmann::json* value = nullptr;
  std::string path;
};

/// One object inside config.json that may describe the language model: the root, text_config, ... Refers to the config.
class ModelView {
 public:
  ModelView(const nlohmann::json& object, std::string path) : object_(&object), path_(std::move(path)) {}

  /// The views of a config, the root first. Errors: invalid_argument when it, or a nested one, is no object.
  static Result<std::vector<ModelView>> all_of(const nlohmann::json& config);

  /// The first of the names that is there and not null.
  std::optional<ModelField> find(const FieldNames& names) const;
  std::optional<ModelField> find(std::string_view name) const { return find(FieldNames{name}); }
  bool is_root() const { return path_.empty(); }
  /// "text_config"; empty for the root.
  const std::string& path() const { return path_; }
  /// The path of a field of this view.
  std::string path_of(std::string_view name) const;

 private:
  const nlohmann::json* object_;
  std::string path_;
};

/// The field in `first`, else in the first of the others that has it.
std::optional<ModelField> find_in(const ModelView& first, const std::vector<ModelView>& others,
                                  const FieldNames& names);

/// Errors of all: invalid_argument naming the field, what it holds and what would be right.
Result<std::int64_t> integer_of(const ModelField& field, std::int64_t low, std::int64_t high);
/// A number, or a list of numbers of which each is for a layer or a modality.
Result<std::vector<std::int64_t>> integers_of(const ModelField& field, std::int64_t low, std::int64_t high);
Result<std::string> text_of(const ModelField& field);
Result<bool> boolean_of(const ModelField& field);

/// "num_experts, moe_num_experts" of names.
std::string list_of(const FieldNames& names);

}  // namespace moetune::schema
