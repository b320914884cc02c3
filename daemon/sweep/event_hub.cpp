#include "daemon/sweep/event_hub.hpp"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <list>
#include <mutex>

namespace moetune::daemon {
namespace {

/// More than that unread: progress and trial events are dropped, oldest first.
constexpr std::size_t k_max_unread = 256;

struct Queue {
  std::int64_t sweep = 0;
  std::deque<SweepEvent> unread;
  bool over = false;
};

void append(Queue& queue, const SweepEvent& event) {
  queue.unread.push_back(event);
  if (queue.unread.size() <= k_max_unread) return;
  const auto expendable = std::ranges::find_if(queue.unread, [](const SweepEvent& e) { return e.name != "state"; });
  if (expendable != queue.unread.end()) queue.unread.erase(expendable);
}

}  // namespace

struct EventHub::State {
  mutable std::mutex mutex;
  std::condition_variable changed;
  std::list<Queue> queues;
  bool closed = false;
};

namespace {

template <typename HubState>
class Subscription : public EventStream {
 public:
  Subscription(std::shared_ptr<HubState> state, std::list<Queue>::iterator queue)
      : state_(std::move(state)), queue_(queue) {}
  ~Subscription() override {
    const std::lock_guard lock(state_->mutex);
    state_->queues.erase(queue_);
  }
  Subscription(const Subscription&) = delete;
  Subscription& operator=(const Subscription&) = delete;

  std::optional<std::vector<SweepEvent>> next(std::chrono::milliseconds patience) override {
    std::unique_lock lock(state_->mutex);
    state_->changed.wait_for(lock, patience, [&] { return !queue_->unread.empty() || queue_->over; });
    if (queue_->unread.empty() && queue_->over) return std::nullopt;
    std::vector<SweepEvent> events(queue_->unread.begin(), queue_->unread.end());
    queue_->unread.clear();
    return events;
  }

 private:
  std::shared_ptr<HubState> state_;
  std::list<Queue>::iterator queue_;
};

}  // namespace

EventHub::EventHub() : state_(std::make_shared<State>()) {}
EventHub::~EventHub() {
  close();
}

std::unique_ptr<EventStream> EventHub::subscribe(std::int64_t sweep) {
  const std::lock_guard lock(state_->mutex);
  state_->queues.push_back({.sweep = sweep, .unread = {}, .over = state_->closed});
  return std::make_unique<Subscription<State>>(state_, std::prev(state_->queues.end()));
}

bool EventHub::has_subscribers(std::int64_t sweep) const {
  const std::lock_guard lock(state_->mutex);
  return std::ranges::any_of(state_->queues, [&](const Queue& queue) { return queue.sweep == sweep; });
}

void EventHub::publish(std::int64_t sweep, const SweepEvent& event) {
  const std::lock_guard lock(state_->mutex);
  for (Queue& queue : state_->queues) {
    if (queue.sweep == sweep) append(queue, event);
  }
  state_->changed.notify_all();
}

void EventHub::finish(std::int64_t sweep) {
  const std::lock_guard lock(state_->mutex);
  for (Queue& queue : state_->queues) {
    if (queue.sweep == sweep) queue.over = true;
  }
  state_->changed.notify_all();
}

void EventHub::close() {
  const std::lock_guard lock(state_->mutex);
  state_->closed = true;
  for (Queue& queue : state_->queues) queue.over = true;
  state_->changed.notify_all();
}

}  // namespace moetune::daemon
