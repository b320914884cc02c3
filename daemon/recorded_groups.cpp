#include "daemon/recorded_groups.hpp"

#include <fmt/format.h>

#include <map>
#include <string>
#include <tuple>

#include "kernels/line_reader.hpp"
#include "schema/trial.hpp"

namespace moetune::daemon {
namespace {

using schema::ErrorCode;
using schema::fail;
using schema::Result;

constexpr std::size_t k_most_groups = 1000;

using Key = std::tuple<std::string, schema::Problem, std::string, schema::L2, std::string>;

}  // namespace

Result<std::vector<RecordedGroup>> recorded_groups(const std::filesystem::path& path) {
  auto reader = kernels::LineReader::open(path);
  if (!reader) return std::unexpected(reader.error());
  std::vector<RecordedGroup> groups;
  std::map<Key, std::size_t> index_of;
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
    const Key key(group.device, group.problem, group.kernel, group.l2, group.routing);
    const auto [found, first] = index_of.try_emplace(key, groups.size());
    if (first) {
      if (groups.size() == k_most_groups) {
        return fail(ErrorCode::too_large, fmt::format("{} line {}: more than {} groups of rows", path.string(),
                                                      reader->line_number(), k_most_groups));
      }
      groups.push_back({group.device, group.problem, group.kernel, group.l2, group.routing, 0});
    }
    ++groups[found->second].rows;
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
