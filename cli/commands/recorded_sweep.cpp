#include "cli/commands/recorded_sweep.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>
#include <set>

#include "cli/compared_file.hpp"
#include "cli/text.hpp"
#include "schema/group.hpp"
#include "schema/strict_json.hpp"

namespace moetune::cli {
namespace {

using nlohmann::ordered_json;
using schema::ErrorCode;
using schema::fail;
using schema::Problem;
using schema::Result;

/// One element of GET /uploads/{id}/groups.
struct RecordedGroup {
  std::string device;
  Problem problem;
  std::string kernel, l2, routing;
};

Result<Problem> problem_of(const ordered_json& fields) {
  const nlohmann::json value = fields;
  schema::ObjectReader reader(value, "problem");
  auto problem = schema::read_problem(reader, schema::Absent::none);
  if (reader.ok()) return problem;
  return std::unexpected(reader.finish().error());
}

Result<std::vector<RecordedGroup>> groups_of(const Client& client, const std::string& upload) {
  const auto answer = client.get(fmt::format("/uploads/{}/groups", upload));
  if (!answer) return std::unexpected(answer.error());
  std::vector<RecordedGroup> groups;
  for (const auto& item : answer->value("groups", ordered_json::array())) {
    const auto problem = problem_of(item.value("problem", ordered_json::object()));
    if (!problem) {
      return fail(ErrorCode::data_damaged,
                  fmt::format("what the daemon found in the recording cannot be read: {}", problem.error().message));
    }
    groups.push_back({item.value("device", ""), *problem, item.value("kernel", ""), item.value("l2", ""),
                      item.value("routing", "")});
  }
  return groups;
}

/// Those that a sweep of the request could look up. A scan's rows make no file.
std::vector<RecordedGroup> fitting(const std::vector<RecordedGroup>& groups, const SweepRequest& request) {
  const auto problem = problem_of(request.spec);
  const std::string kernel = request.spec.value("kernel", "");
  // Counts have their name from the daemon: here any will do.
  const auto routing = request.spec.value("routing", ordered_json("uniform"));
  const auto has_routing = [&](const RecordedGroup& group) {
    return routing.is_string() ? group.routing == routing.get<std::string>() : group.routing.starts_with("counts:");
  };
  std::vector<RecordedGroup> found;
  std::ranges::copy_if(groups, std::back_inserter(found), [&](const RecordedGroup& group) {
    return problem && group.problem == *problem && group.l2 == request.spec.value("l2", "cold") && has_routing(group) &&
           (kernel.empty() ? !schema::is_scan(group.kernel) : group.kernel == kernel);
  });
  return found;
}

/// Names the kernel of a request that names none.
Result<void> choose_kernel(Context& context, const std::vector<RecordedGroup>& groups, SweepRequest& request,
                           const std::string& path) {
  std::set<std::string> kernels;
  for (const RecordedGroup& group : fitting(groups, request)) kernels.insert(group.kernel);
  if (request.spec.contains("kernel") || kernels.empty()) return {};
  const std::string own(request.file ? schema::name_of(request.file->engine) : "cuda");
  if (!kernels.contains(own) && kernels.size() > 1) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("{} has times of several kernels for this problem: {}; name one of them with --kernel",
                            printable(path), fmt::join(kernels, ", ")));
  }
  request.spec["kernel"] = kernels.contains(own) ? own : *kernels.begin();
  if (!kernels.contains(own)) {
    context.note(fmt::format("{} has times of the kernel {} alone for this problem, so that one is taken",
                             printable(path), printable(*kernels.begin())));
  }
  return {};
}

/// Why the recording says nothing about the GPU that the request's file is for, if so.
std::optional<std::string> refusal_of(const std::vector<RecordedGroup>& groups, const SweepRequest& request,
                                      const std::string& path, OtherDevice other) {
  if (!request.file) return std::nullopt;
  const std::string& wanted = request.file->name.device;
  std::set<std::string> devices;
  for (const RecordedGroup& group : fitting(groups, request)) {
    if (is_device(wanted, group.device)) return std::nullopt;
    devices.insert(group.device);
  }
  if (devices.empty()) return std::nullopt;
  return printable(
      fmt::format("{} is a file for {}, and the times of {} are of {}: give a recording of that GPU{}",
                  request.file->text, wanted, path, fmt::join(devices, ", "),
                  other == OtherDevice::left_out ? ", or the flags of the problem in the place of --warning" : ""));
}

Result<void> leave_out_others(Context& context, const std::vector<RecordedGroup>& groups,
                              std::vector<SweepRequest>& requests, const std::string& path, OtherDevice other) {
  std::vector<SweepRequest> kept;
  std::vector<std::string> refusals;
  for (SweepRequest& request : requests) {
    auto refusal = refusal_of(groups, request, path, other);
    if (refusal) {
      refusals.push_back(std::move(*refusal));
    } else {
      kept.push_back(std::move(request));
    }
  }
  if (kept.empty() || (other == OtherDevice::refused && !refusals.empty())) {
    return fail(ErrorCode::conflict, refusals.front());
  }
  for (const auto& refusal : refusals) context.note(fmt::format("left out: {}", refusal));
  requests = std::move(kept);
  return {};
}

}  // namespace

schema::Error in_terms_of_file(schema::Error error, const SweepRequest& request, const std::string& path) {
  const auto upload = request.spec.find("recording");
  if (path.empty() || upload == request.spec.end() || !upload->is_string()) return error;
  const std::string word = fmt::format("upload {}", upload->get<std::string>());
  const auto at = error.message.find(word);
  if (at != std::string::npos) error.message.replace(at, word.size(), printable(path));
  return error;
}

Result<void> use_recording(Context& context, const Client& client, std::vector<SweepRequest>& requests,
                           const std::string& path, OtherDevice other) {
  if (path.empty()) return {};
  const auto answer = client.post_file("/uploads", path, "application/octet-stream");
  if (!answer) return std::unexpected(answer.error());
  const std::string upload = answer->value("id", "");
  for (SweepRequest& request : requests) request.spec["recording"] = upload;
  const bool asks = std::ranges::any_of(
      requests, [](const SweepRequest& request) { return request.file || !request.spec.contains("kernel"); });
  if (!asks) return {};
  const auto groups = groups_of(client, upload);
  // A daemon that cannot tell, being older, refuses a kernel that is not there.
  if (!groups && groups.error().code == ErrorCode::not_found) return {};
  if (!groups) return std::unexpected(in_terms_of_file(groups.error(), requests.front(), path));
  if (auto left = leave_out_others(context, *groups, requests, path, other); !left) return left;
  for (SweepRequest& request : requests) {
    if (auto chosen = choose_kernel(context, *groups, request, path); !chosen) return chosen;
  }
  return {};
}

}  // namespace moetune::cli
