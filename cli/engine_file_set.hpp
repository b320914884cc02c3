#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "schema/error.hpp"

namespace moetune::cli {

/// The files that a person means by these paths: a file itself, of a folder all *.json below it in the order of their
/// paths. Hidden folders are left out; links to folders are not followed. Errors: invalid_argument for a path where
/// there is nothing, or a folder without such a file; io.
schema::Result<std::vector<std::filesystem::path>> engine_files(const std::vector<std::string>& paths);

/// A file's bytes, at most one more than an engine file may have. Errors: io.
schema::Result<std::string> engine_file_text(const std::filesystem::path& path);

/// Whether a name that the daemon gives to a file is no more than a name, so that it can be followed.
bool is_plain_name(const std::string& name);

}  // namespace moetune::cli
