#include "cli/model_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <optional>
#include <sstream>

#include "cli/text.hpp"
#include "schema/model_config.hpp"

namespace moetune::cli {
namespace {

namespace fs = std::filesystem;
using schema::ErrorCode;
using schema::fail;
using schema::Result;

constexpr std::uintmax_t k_max_bytes = 16 << 20;
constexpr std::uintmax_t k_max_ref_bytes = 256;

/// A path of the environment; a variable that is set to nothing counts as not set, as for Hugging Face's own tools.
std::optional<fs::path> folder_in(const Environment& environment, const char* name) {
  const auto value = environment(name);
  if (!value || value->empty()) return std::nullopt;
  const auto home = environment("HOME");
  if (value->starts_with("~/") && home) return fs::path(*home) / value->substr(2);
  return fs::path(*value);
}

std::optional<fs::path> hub_folder(const Environment& environment) {
  if (auto folder = folder_in(environment, "HF_HUB_CACHE")) return folder;
  if (auto folder = folder_in(environment, "HUGGINGFACE_HUB_CACHE")) return folder;
  if (const auto home = folder_in(environment, "HF_HOME")) return *home / "hub";
  if (const auto cache = folder_in(environment, "XDG_CACHE_HOME")) return *cache / "huggingface" / "hub";
  if (const auto home = folder_in(environment, "HOME")) return *home / ".cache" / "huggingface" / "hub";
  return std::nullopt;
}

std::string text_of(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  std::string text(k_max_ref_bytes, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(stream.gcount()));
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ' || text.back() == '\r')) text.pop_back();
  return text;
}

/// Whether a text can be the name of a model: "org/name" or "name", of the characters that the hub allows.
bool is_model_name(const std::string& text) {
  const auto allowed = [](unsigned char c) { return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.'; };
  const auto parts = split(text, '/');
  return parts.size() <= 2 && std::ranges::all_of(parts, [&](const std::string& part) {
           return !part.empty() && part.front() != '.' && std::ranges::all_of(part, allowed);
         });
}

/// The snapshot of refs/main; without that file, the only snapshot that has a config.
Result<fs::path> config_in_cache(const std::string& model, const fs::path& hub) {
  std::string name = "models";
  for (const auto& part : split(model, '/')) name += "--" + part;
  const fs::path folder = hub / name;
  std::error_code error;
  if (!fs::is_directory(folder, error)) {
    return fail(
        ErrorCode::invalid_argument,
        fmt::format("there is no file or folder {0}, and the Hugging Face cache {1} has no model {0}; nothing is "
                    "downloaded: name a config.json",
                    printable(model), hub.string()));
  }
  const std::string commit = text_of(folder / "refs" / "main");
  if (!commit.empty() && commit.find('/') == std::string::npos && commit != "..") {
    if (auto config = folder / "snapshots" / commit / "config.json"; fs::exists(config, error)) return config;
  }
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(folder / "snapshots", error)) {
    if (fs::exists(entry.path() / "config.json", error)) found.push_back(entry.path() / "config.json");
  }
  if (found.size() == 1) return found.front();
  return fail(ErrorCode::invalid_argument,
              fmt::format("{} has {} in its snapshots, and refs/main names none of them; name a config.json",
                          folder.string(), found.empty() ? "no config.json" : "several config.json"));
}

}  // namespace

Result<fs::path> find_model_config(const std::string& model, const Environment& environment) {
  std::error_code error;
  fs::path path(model);
  if (fs::is_directory(path, error)) {
    if (auto config = path / "config.json"; fs::exists(config, error)) return config;
    return fail(ErrorCode::invalid_argument, fmt::format("the folder {} has no config.json", printable(model)));
  }
  if (fs::exists(path, error)) return path;
  const auto hub = hub_folder(environment);
  if (!is_model_name(model) || !hub || model.ends_with(".json"))
    return fail(ErrorCode::invalid_argument, fmt::format("there is no file or folder {}", printable(model)));
  return config_in_cache(model, *hub);
}

Result<nlohmann::json> read_model_config(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  std::string text;
  std::string piece(1 << 16, '\0');
  while (stream && text.size() <= k_max_bytes) {
    stream.read(piece.data(), static_cast<std::streamsize>(piece.size()));
    text.append(piece, 0, static_cast<std::size_t>(stream.gcount()));
  }
  if (text.size() > k_max_bytes)
    return fail(ErrorCode::invalid_argument, fmt::format("{} is larger than 16 MiB: no config.json", file.string()));
  if (!stream.eof() || stream.bad())
    return fail(ErrorCode::invalid_argument, fmt::format("{} cannot be read", file.string()));
  return schema::parse_model_config(text, file.string());
}

}  // namespace moetune::cli
