#include "cli/candidate_upload.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>

#include "cli/engine_file_set.hpp"
#include "schema/candidate_set.hpp"

namespace moetune::cli {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// The daemon reads JSON bodies up to 1 MiB.
constexpr std::size_t k_most_of_a_body = 1'000'000;
constexpr std::size_t k_usual_body = 512 << 10;

fs::path whole_path(const fs::path& path) {
  std::error_code error;
  const auto whole = fs::absolute(path, error);
  return error ? path : whole.lexically_normal();
}

/// The text of one element of "files"; nothing for bytes that are no UTF-8, which no engine reads either.
std::optional<std::string> element_text(const fs::path& path, const std::string& text) {
  json element = {{"path", path.string()}, {"text", text}};
  if (const auto version = package_version(path)) element["engine_version"] = *version;
  try {
    return element.dump();
  } catch (const json::type_error&) {
    return std::nullopt;
  }
}

/// Collects elements into bodies.
class Bodies {
 public:
  void add(const std::string& element) {
    if (count_ > 0 && (body_.size() + element.size() > k_usual_body || count_ == schema::k_max_candidate_files))
      close();
    body_ += (count_++ == 0 ? "" : ",") + element;
  }
  std::vector<std::string> take() {
    if (count_ > 0) close();
    return std::move(bodies_);
  }

 private:
  void close() {
    bodies_.push_back(fmt::format("{{\"files\":[{}]}}", body_));
    body_.clear();
    count_ = 0;
  }

  std::string body_;
  std::size_t count_ = 0;
  std::vector<std::string> bodies_;
};

}  // namespace

bool is_engine_file(const fs::path& path) {
  constexpr std::size_t k_longest_line = 1 << 20;
  if (path.extension() != ".json") return false;
  std::ifstream file(path, std::ios::binary);
  std::string line;
  for (char c = 0; line.size() < k_longest_line && file.get(c) && c != '\n';) line += c;
  const auto first = json::parse(line, nullptr, false);
  return !first.is_object() || !first.contains("config");
}

std::optional<std::string> package_version(const fs::path& path) {
  for (fs::path folder = path.parent_path(); folder.has_relative_path(); folder = folder.parent_path()) {
    const std::string package = folder.filename().string();
    if (package != "vllm" && package != "sglang") continue;
    std::optional<std::string> version;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(folder.parent_path(), error)) {
      const std::string name = entry.path().filename().string();
      constexpr std::string_view k_end = ".dist-info";
      if (!name.starts_with(package + "-") || !name.ends_with(k_end)) continue;
      if (version) return std::nullopt;
      version = name.substr(package.size() + 1, name.size() - package.size() - 1 - k_end.size());
    }
    if (version && version->size() <= 64) return version;
  }
  return std::nullopt;
}

CandidateUpload candidate_upload(const std::vector<fs::path>& files) {
  CandidateUpload upload;
  Bodies bodies;
  const auto give_up = [&](const fs::path& path, std::string reason) {
    upload.unread.push_back({path.string(), std::move(reason)});
  };
  for (const auto& file : files) {
    const fs::path path = whole_path(file);
    const auto text = engine_file_text(path);
    if (!text) {
      give_up(path, text.error().message);
      continue;
    }
    const auto element = element_text(path, *text);
    if (!element) {
      give_up(path, "the file is not UTF-8");
    } else if (element->size() > k_most_of_a_body || path.string().size() > schema::k_max_candidate_path) {
      give_up(path, fmt::format("the file is too large to be one of an engine: {} bytes", text->size()));
    } else {
      bodies.add(*element);
    }
  }
  upload.bodies = bodies.take();
  return upload;
}

}  // namespace moetune::cli
