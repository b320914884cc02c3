#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "schema/error.hpp"
#include "schema/publish/scope.hpp"

namespace moetune::schema::publish {

/// A file as an engine reads it.
struct PlannedFile {
  std::string path;  ///< below the folder; is_publishable()
  std::string bytes;
};

/// Files that are true together only: SGLang's two, or vLLM's one. All of them are published, or none.
struct FileSet {
  std::vector<PlannedFile> files;
  nlohmann::ordered_json source;  ///< which rows they were made from; a manifest keeps it as it is
};

/// A file that is not published, and why.
struct LeftOut {
  std::string path;
  std::string reason;
};

/// What a database has to publish.
struct Publication {
  std::string database;  ///< the database's uuid
  std::string tool_version;
  Scope scope;
  std::vector<FileSet> sets;
  std::vector<LeftOut> left_out;
  std::vector<std::string> other_kernels;  ///< have rows, which make a file only when the kernel is named
};

/// A path that an engine reads in a published folder: NAME.json for vLLM, configs/triton_X_Y_Z/NAME.json for SGLang,
/// where NAME is one that this engine looks for (E=...,N=...,device_name=...). Nothing else is one, so that no
/// publication can write over other files of the folder, the manifest among them.
bool is_publishable(std::string_view path);

/// {"database", "tool_version", "scope", "sets": [{"files": [{"path", "bytes"}], "source"}], "left_out": [{"path",
/// "reason"}], "other_kernels"}.
nlohmann::ordered_json to_json(const Publication& publication);
/// Errors: data_damaged for anything else, paths that are not publishable among it.
Result<Publication> publication_from_json(const nlohmann::ordered_json& value);

}  // namespace moetune::schema::publish
