#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "schema/error.hpp"

namespace moetune::cli {

/// Whether a file is to be taken for an engine's configuration and not for trial JSONL: its name ends in .json, and its
/// first line is no trial.
bool is_engine_file(const std::filesystem::path& path);

/// The version of the installed or unpacked package that a path lies in: what the name of vllm-*.dist-info or
/// sglang-*.dist-info beside the package says. Nothing where there is none, or more than one.
std::optional<std::string> package_version(const std::filesystem::path& path);

/// A file that cannot be sent, with the reason.
struct UnreadFile {
  std::string path;
  std::string reason;
};

/// Engine files as bodies of POST /import, each of a size that the daemon takes.
struct CandidateUpload {
  std::vector<std::string> bodies;
  std::vector<UnreadFile> unread;
};

/// Reads the files. Paths go along whole, so that it does not matter from where they were named.
CandidateUpload candidate_upload(const std::vector<std::filesystem::path>& files);

}  // namespace moetune::cli
