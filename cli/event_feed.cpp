#include "cli/event_feed.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

namespace moetune::cli {
namespace {

/// A reader that falls behind needs the newest events only: each progress event tells everything.
constexpr std::size_t k_max_waiting = 10'000;

}  // namespace

struct EventFeed::State {
  State(const Endpoint& endpoint, std::string target)
      : path(std::move(target)), connection(endpoint), wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
  ~State() { ::close(wake); }

  void run() {
    auto result = connection.run(path, [this](SseEvent event) {
      const std::lock_guard lock(mutex);
      if (news.events.size() >= k_max_waiting)
        news.events.erase(news.events.begin(), news.events.begin() + k_max_waiting / 2);
      news.events.push_back(std::move(event));
      signal();
    });
    const std::lock_guard lock(mutex);
    news.ended = true;
    if (!result) news.error = std::move(result.error());
    signal();
    ended.notify_all();
  }

  void signal() const {
    const std::uint64_t one = 1;
    // A counter that is full is readable, which is all that is wanted.
    [[maybe_unused]] const auto written = ::write(wake, &one, sizeof one);
  }

  std::string path;
  EventConnection connection;
  int wake;
  std::mutex mutex;  ///< guards news
  std::condition_variable ended;
  News news;
  std::thread thread;
};

EventFeed::EventFeed(const Endpoint& endpoint, std::string path)
    : state_(std::make_unique<State>(endpoint, std::move(path))) {
  state_->thread = std::thread([state = state_.get()] { state->run(); });
}

EventFeed::~EventFeed() {
  {
    // stop() reaches only a connection that is open: one that is being opened is stopped at the next try.
    std::unique_lock lock(state_->mutex);
    while (!state_->news.ended) {
      lock.unlock();
      state_->connection.stop();
      lock.lock();
      state_->ended.wait_for(lock, std::chrono::milliseconds(20), [this] { return state_->news.ended; });
    }
  }
  state_->thread.join();
}

int EventFeed::wake_fd() const {
  return state_->wake;
}

EventFeed::News EventFeed::take() {
  std::uint64_t count = 0;
  [[maybe_unused]] const auto got = ::read(state_->wake, &count, sizeof count);
  const std::lock_guard lock(state_->mutex);
  News news{std::exchange(state_->news.events, {}), state_->news.ended, state_->news.error};
  return news;
}

}  // namespace moetune::cli
