#include "tests/daemon/http/fake_sweeps.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

namespace moetune::daemon::http {

using nlohmann::ordered_json;
using schema::ErrorCode;
using schema::fail;
using schema::Result;
using schema::SweepState;

struct FakeSweeps::Queue {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<SweepEvent> unread;
  bool over = false;
};

class FakeSweeps::Stream : public EventStream {
 public:
  explicit Stream(std::shared_ptr<Queue> queue) : queue_(std::move(queue)) {}

  std::optional<std::vector<SweepEvent>> next(std::chrono::milliseconds patience) override {
    std::unique_lock lock(queue_->mutex);
    queue_->changed.wait_for(lock, patience, [this] { return !queue_->unread.empty() || queue_->over; });
    if (queue_->unread.empty() && queue_->over) return std::nullopt;
    return std::exchange(queue_->unread, {});
  }

 private:
  std::shared_ptr<Queue> queue_;
};

Result<std::int64_t> FakeSweeps::create(const schema::SweepSpec& spec) {
  const std::lock_guard lock(mutex_);
  if (std::exchange(broken_, false)) throw std::runtime_error("the fake is broken");
  const auto id = static_cast<std::int64_t>(sweeps_.size()) + 1;
  sweeps_[id] = {spec};
  return id;
}

Result<ordered_json> FakeSweeps::show(std::int64_t id) {
  const std::lock_guard lock(mutex_);
  const auto found = sweeps_.find(id);
  if (found == sweeps_.end()) return fail(ErrorCode::not_found, fmt::format("there is no sweep {}", id));
  const Sweep& sweep = found->second;
  ordered_json view;
  view["id"] = id;
  view["state"] = name_of(sweep.state);
  view["phase"] = "measure";
  view["spec"] = schema::to_json(sweep.spec);
  view["trials"] = {{"total", 0}, {"done", 0}, {"by_status", ordered_json::object()}, {"not_recorded", 0}};
  view["seeded_by"] = ordered_json::array();
  for (const char* name : {"neighbours", "gpus", "warnings"}) view[name] = ordered_json::array();
  view["compiles"] = {{"done", 0}, {"cached", 0}, {"failed", 0}};
  view["created_at"] = "2026-11-20T10:15:00Z";
  for (const char* name : {"started_at", "finished_at", "eta_s", "error"}) view[name] = nullptr;
  view["discarded"] = sweep.discarded;
  view["best"] = ordered_json::object();
  return view;
}

Result<SweepPage> FakeSweeps::list(std::optional<std::int64_t> after, std::int64_t limit) {
  SweepPage page;
  for (std::int64_t id = after.value_or(0) + 1; static_cast<std::int64_t>(page.items.size()) < limit; ++id) {
    auto sweep = show(id);
    if (!sweep) return page;
    sweep->erase("seeded_by");
    for (const char* name : {"neighbours", "gpus", "warnings"}) sweep->erase(name);
    page.items.push_back(std::move(*sweep));
    page.next = show(id + 1) ? std::optional(id) : std::nullopt;
  }
  return page;
}

Result<ordered_json> FakeSweeps::change(std::int64_t id, SweepState to) {
  {
    const std::lock_guard lock(mutex_);
    const auto found = sweeps_.find(id);
    if (found != sweeps_.end() && schema::is_final(found->second.state)) {
      return fail(ErrorCode::conflict, fmt::format("sweep {} is {}", id, name_of(found->second.state)));
    }
    if (found != sweeps_.end()) found->second.state = to;
  }
  return show(id);
}

Result<ordered_json> FakeSweeps::pause(std::int64_t id) {
  return change(id, SweepState::paused);
}
Result<ordered_json> FakeSweeps::resume(std::int64_t id) {
  return change(id, SweepState::queued);
}
Result<ordered_json> FakeSweeps::cancel(std::int64_t id) {
  return change(id, SweepState::cancelled);
}

Result<ordered_json> FakeSweeps::discard(std::int64_t id) {
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = sweeps_.find(id); found != sweeps_.end()) found->second.discarded = true;
  }
  return show(id);
}

Result<std::unique_ptr<EventStream>> FakeSweeps::events(std::int64_t id) {
  if (auto sweep = show(id); !sweep) return std::unexpected(sweep.error());
  auto queue = std::make_shared<Queue>();
  const std::lock_guard lock(mutex_);
  queues_[id].push_back(queue);
  changed_.notify_all();
  return std::make_unique<Stream>(std::move(queue));
}

void FakeSweeps::await_streams(std::int64_t id, std::size_t count) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] {
    return count <= static_cast<std::size_t>(
                        std::ranges::count_if(queues_[id], [](const auto& queue) { return !queue.expired(); }));
  });
}

void FakeSweeps::publish(std::int64_t id, const SweepEvent& event) {
  const std::lock_guard lock(mutex_);
  for (const auto& weak : queues_[id]) {
    if (const auto queue = weak.lock()) {
      const std::lock_guard inner(queue->mutex);
      queue->unread.push_back(event);
      queue->changed.notify_all();
    }
  }
}

void FakeSweeps::finish(std::int64_t id) {
  const std::lock_guard lock(mutex_);
  for (const auto& weak : queues_[id]) {
    if (const auto queue = weak.lock()) {
      const std::lock_guard inner(queue->mutex);
      queue->over = true;
      queue->changed.notify_all();
    }
  }
}

}  // namespace moetune::daemon::http
