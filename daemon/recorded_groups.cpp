#include "daemon/recorded_groups.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "kernels/line_reader.hpp"
#include "schema/trial.hpp"

namespace moetune::daemon {
namespace {

using schema::ErrorCode;
using schema::fail;
using schema::Result;

constexpr std::size_t k_most_groups = 1000;

bool holds(const RecordedGroup& known, const schema::Group& group) {
  return known.device == group.device && known.problem == group.problem && known.kernel == group.kernel &&
         known.l2 == group.l2 && known.routing == group.routing;
}

}  // namespace

Result<std::vector<RecordedGroup>> recorded_groups(const std::filesystem::path& path) {
  auto reader = kernels::LineReader::open(path);
  if (!reader) return std::unexpected(reader.error());
  std::vector<RecordedGroup> groups;
  std::size_t last = 0;  // rows of a group follow each other
  while (true) {
    const auto line = reader->next();
    if (!line) return std::unexpected(line.error());
    if (!*line) return groups;
    if ((*line)->find_first_not_of(" \t") == std::string_view::npos) continue;
    const auto trial = schema::trial_from_line(**line);
    if (!trial) {
      return fail(trial.error().code,
                  fmt::format("{} line {}: {}", path.string(), reader->line_number(), trial.error().message));
    }
    const schema::Group& group = trial->group;
    if (last >= groups.size() || !holds(groups[last], group)) {
      const auto known = std::ranges::find_if(groups, [&](const auto& each) { return holds(each, group); });
      last = static_cast<std::size_t>(known - groups.begin());
    }
    if (last == groups.size()) {
      if (groups.size() == k_most_groups) {
        return fail(ErrorCode::too_large, fmt::format("{} line {}: more than {} groups of rows", path.string(),
                                                      reader->line_number(), k_most_groups));
      }
      groups.push_back({group.device, group.problem, group.kernel, group.l2, group.routing, 0});
    }
    ++groups[last].rows;
  }
}

nlohmann::ordered_json to_json(const RecordedGroup& group) {
  nlohmann::ordered_json object;
  object["device"] = group.device;
  object["problem"] = nlohmann::ordered_json::object();
  write_problem(group.problem, object["problem"]);
  object["kernel"] = group.kernel;
  object["l2"] = name_of(group.l2);
  object["routing"] = group.routing;
  object["rows"] = group.rows;
  return object;
}

schema::Error in_terms_of_upload(schema::Error error, const std::filesystem::path& path, std::string_view id) {
  const std::string file = path.string();
  for (auto at = error.message.find(file); at != std::string::npos; at = error.message.find(file, at)) {
    error.message.replace(at, file.size(), fmt::format("upload {}", id));
    at += id.size();
  }
  return error;
}

}  // namespace moetune::daemon
