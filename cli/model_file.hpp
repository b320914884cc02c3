#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "cli/terminal.hpp"
#include "schema/error.hpp"

namespace moetune::cli {

/// The config.json that a person means: the file itself, the one in a model's folder, or, for a name such as
/// "Qwen/Qwen3-30B-A3B", the one in the local Hugging Face cache ($HF_HUB_CACHE, else $HF_HOME/hub, else
/// $XDG_CACHE_HOME/huggingface/hub, else ~/.cache/huggingface/hub), at the commit that refs/main names. Nothing is
/// downloaded. Errors: invalid_argument saying where was looked.
schema::Result<std::filesystem::path> find_model_config(const std::string& model, const Environment& environment);

/// Reads and parses a config.json of at most 16 MiB. Errors: invalid_argument naming the file.
schema::Result<nlohmann::json> read_model_config(const std::filesystem::path& file);

}  // namespace moetune::cli
