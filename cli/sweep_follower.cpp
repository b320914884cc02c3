#include "cli/sweep_follower.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>

#include <array>

#include "cli/format.hpp"

namespace moetune::cli {
namespace {

using schema::ErrorCode;
using schema::fail;
using schema::Result;

constexpr int k_tick_ms = 250;
constexpr std::chrono::milliseconds k_attempt_time{500};

}  // namespace

SweepFollower::SweepFollower(Connector& connector, Client client, std::int64_t id, ProgressDisplay& display)
    : connector_(connector), client_(std::move(client)), id_(id), display_(display) {}

Result<SweepFollower::Outcome> SweepFollower::follow() {
  if (auto first = refresh(); !first) return std::unexpected(first.error());
  while (true) {
    display_.show(status_, note_, Clock::now());
    if (schema::is_final(status_.state)) break;
    if (auto kept = keep_up(); !kept) return std::unexpected(kept.error());
    wait();
    if (!obey_signals()) {
      display_.finish(status_, Clock::now());
      return Outcome{End::detached, status_, answer_};
    }
  }
  feed_.reset();
  display_.finish(status_, Clock::now());
  return Outcome{End::finished, status_, answer_};
}

/// Takes in what has happened since the last look, and looks for the daemon again when its stream has ended.
Result<void> SweepFollower::keep_up() {
  if (feed_) return take_events();
  const auto now = Clock::now();
  if (now - last_attempt_ < k_attempt_time) return {};
  last_attempt_ = now;
  return reconnect();
}

Result<void> SweepFollower::take_events() {
  const auto news = feed_->take();
  for (const SseEvent& event : news.events) {
    if (auto applied = apply(event); !applied) return applied;
  }
  if (news.ended) feed_.reset();
  return {};
}

/// A progress event carries the whole sweep, a state event at least the state: the rest is asked for then, and a daemon
/// that goes away before it has answered shows by its event stream.
Result<void> SweepFollower::apply(const SseEvent& event) {
  const auto data = nlohmann::ordered_json::parse(event.data, nullptr, false);
  if ((event.name != "progress" && event.name != "state") || !data.is_object()) return {};
  answer_.update(data);
  if (!data.contains("trials")) {
    auto fresh = refresh();
    if (fresh || !is_connection_error(fresh.error())) return fresh;
  }
  auto status = sweep_status_from_json(answer_);
  if (!status) return std::unexpected(status.error());
  status_ = std::move(*status);
  return {};
}

Result<void> SweepFollower::refresh() {
  auto answer = client_.get(fmt::format("/sweeps/{}", id_));
  if (!answer) return std::unexpected(answer.error());
  auto status = sweep_status_from_json(*answer);
  if (!status) return std::unexpected(status.error());
  answer_ = std::move(*answer);
  status_ = std::move(*status);
  return {};
}

Result<Client> SweepFollower::reach_daemon() {
  auto found = connector_.find();
  if (found || !connector_.has_started_one()) return found;
  display_.leave();  // the connector prints that it starts a daemon
  return connector_.connect(k_idle_after_tune);
}

Result<void> SweepFollower::reconnect() {
  auto client = reach_daemon();
  if (client) client_ = std::move(*client);
  const auto fresh = client ? refresh() : Result<void>(std::unexpected(client.error()));
  const auto now = Clock::now();
  if (fresh) {
    lost_since_.reset();
    note_.clear();
    if (!schema::is_final(status_.state)) {
      feed_ = std::make_unique<EventFeed>(client_.endpoint(), fmt::format("/sweeps/{}/events", id_));
    }
    return {};
  }
  if (!is_connection_error(fresh.error())) return std::unexpected(fresh.error());
  if (!lost_since_) lost_since_ = now;
  if (now - *lost_since_ >= patience_) {
    return fail(ErrorCode::unavailable,
                fmt::format("lost the daemon for {}: {}",
                            duration_text(std::chrono::duration<double>(patience_).count()), fresh.error().message));
  }
  note_ = "connection lost, waiting for the daemon";
  return {};
}

/// False when the person wants to leave.
bool SweepFollower::obey_signals() {
  for (const int signal : signals_.take()) {
    if (signal == SIGWINCH) {
      display_.resized();
    } else if (signal == SIGTSTP) {
      display_.leave();
      ::raise(SIGSTOP);
      display_.resized();
    } else {
      return false;
    }
  }
  return true;
}

void SweepFollower::wait() const {
  std::array<pollfd, 2> watched = {pollfd{signals_.fd(), POLLIN, 0}, pollfd{feed_ ? feed_->wake_fd() : -1, POLLIN, 0}};
  ::poll(watched.data(), watched.size(), k_tick_ms);
}

}  // namespace moetune::cli
