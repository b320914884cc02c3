#include "cli/commands/sweep_batch.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <span>

#include "cli/commands/follow.hpp"
#include "cli/commands/recorded_sweep.hpp"
#include "cli/commands/sweep_flags.hpp"
#include "schema/sweep_spec.hpp"

namespace moetune::cli {
namespace {

using nlohmann::ordered_json;
using schema::ErrorCode;
using schema::fail;
using schema::Result;

Result<std::int64_t> id_in(const ordered_json& answer) {
  if (answer.is_object() && answer.contains("id") && answer["id"].is_number_integer())
    return answer["id"].get<std::int64_t>();
  return fail(ErrorCode::data_damaged, "the daemon took the sweep without telling its id; see moetune sweeps");
}

Result<std::int64_t> create(Context& context, const Client& client, const ordered_json& spec) {
  const auto answer = client.post("/sweeps", spec);
  if (!answer) return fail(answer.error().code, in_terms_of_flags(answer.error().message), answer.error().detail);
  const auto id = id_in(*answer);
  if (id) context.err.line(fmt::format("sweep {} at {}", *id, client.url()));
  return id;
}

/// Takes back what was queued before a refusal, so that the command did all or nothing.
std::string cancelled_text(const Client& client, const std::vector<std::int64_t>& ids) {
  std::vector<std::int64_t> left;
  for (const auto id : ids) {
    if (!client.post(fmt::format("/sweeps/{}/cancel", id), ordered_json::object())) left.push_back(id);
  }
  if (left.empty()) return fmt::format("; cancelled again: {}", fmt::join(ids, ", "));
  return fmt::format("; still there, see moetune sweeps: {}", fmt::join(left, ", "));
}

/// What GET /sweeps/{id} answers for each.
Result<ordered_json> answers_of(const Client& client, std::span<const std::int64_t> ids) {
  ordered_json answers = ordered_json::array();
  for (const auto id : ids) {
    auto answer = client.get(fmt::format("/sweeps/{}", id));
    if (!answer) return std::unexpected(answer.error());
    answers.push_back(std::move(*answer));
  }
  return answers;
}

Result<ExitStatus> leave(Context& context, const Client& client, const std::vector<std::int64_t>& ids) {
  if (!context.options.json) {
    for (const auto id : ids) {
      context.out.line(fmt::format("sweep {} is queued; follow it with: {}", id,
                                   context.command_line(fmt::format("sweep {} --follow", id))));
    }
    return ExitStatus::done;
  }
  auto answers = answers_of(client, ids);
  if (!answers) return std::unexpected(answers.error());
  context.print(ids.size() == 1 ? answers->front() : ordered_json{{"sweeps", std::move(*answers)}});
  return ExitStatus::done;
}

/// Follows several sweeps, in the order in which the daemon takes them.
Result<ExitStatus> follow_all(Context& context, Client client, const std::vector<SweepRequest>& requests,
                              const std::vector<std::int64_t>& ids, const KernelShare& share) {
  ordered_json answers = ordered_json::array();
  ExitStatus status = ExitStatus::done;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    auto followed = follow(context, std::move(client), ids[i]);
    if (!followed) return std::unexpected(followed.error());
    client = std::move(followed->client);
    answers.push_back(followed->answer);
    if (followed->status != ExitStatus::done) status = followed->status;
    if (followed->detached) {
      const std::span<const std::int64_t> others = std::span(ids).subspan(i + 1);
      if (!others.empty()) context.err.line(fmt::format("  as do: {}", fmt::join(others, ", ")));
      const auto rest = context.options.json ? answers_of(client, others) : ordered_json::array();
      if (!rest) return std::unexpected(rest.error());
      answers.insert(answers.end(), rest->begin(), rest->end());
      break;
    }
    if (!context.options.json) context.out.line(fmt::format("{}{}", i == 0 ? "" : "\n", requests[i].title));
    print_report(context, *followed, share);
  }
  if (context.options.json) context.print(ordered_json{{"sweeps", std::move(answers)}});
  return status;
}

}  // namespace

Result<void> check_spec(const ordered_json& spec) {
  const auto checked = schema::sweep_spec_from_json(nlohmann::json(spec));
  if (!checked) return fail(checked.error().code, in_terms_of_flags(checked.error().message));
  return {};
}

Result<std::vector<std::int64_t>> create_sweeps(Context& context, const Client& client,
                                                const std::vector<SweepRequest>& requests,
                                                const std::string& recording) {
  std::vector<std::int64_t> ids;
  for (const SweepRequest& request : requests) {
    const auto id = create(context, client, request.spec);
    if (id) {
      ids.push_back(*id);
      continue;
    }
    schema::Error error = in_terms_of_file(id.error(), request, recording);
    if (requests.size() > 1) error.message = fmt::format("{}: {}", request.title, error.message);
    if (!ids.empty()) error.message += cancelled_text(client, ids);
    return std::unexpected(std::move(error));
  }
  return ids;
}

Result<ExitStatus> tune_all(Context& context, std::vector<SweepRequest> requests, const std::string& recording,
                            Detach detach, const KernelShare& share) {
  auto client = context.connector.connect(k_idle_after_tune);
  if (!client) return std::unexpected(client.error());
  auto used = use_recording(context, *client, requests, recording, OtherDevice::left_out);
  if (!used) return std::unexpected(used.error());
  const auto ids = create_sweeps(context, *client, requests, recording);
  if (!ids) return std::unexpected(ids.error());
  if (detach == Detach::yes) return leave(context, *client, *ids);
  if (ids->size() == 1) return follow_and_report(context, std::move(*client), ids->front(), share);
  return follow_all(context, std::move(*client), requests, *ids, share);
}

}  // namespace moetune::cli
