#include "cli/event_feed.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "tests/cli/fake_daemon.hpp"

namespace moetune::cli {
namespace {

using testing::ElementsAre;

/// Waits for news until the feed has ended.
EventFeed::News everything(EventFeed& feed) {
  EventFeed::News all;
  while (!all.ended) {
    pollfd readable{feed.wake_fd(), POLLIN, 0};
    if (::poll(&readable, 1, 30'000) != 1) break;
    auto news = feed.take();
    for (auto& event : news.events) all.events.push_back(std::move(event));
    all.ended = news.ended;
    all.error = std::move(news.error);
  }
  return all;
}

TEST(EventFeedTest, HandsOverWhatTheServerSends) {
  FakeDaemon daemon;
  daemon.on("GET /sweeps/3/events", {.content_type = "text/event-stream", .stream = [](const WritePiece& write) {
                                       return write("event: state\nda") && write("ta: {\"a\":1}\n\n: quiet\n\n") &&
                                              write("event: progress\ndata: {}\n\n");
                                     }});
  EventFeed feed({daemon.url(), ""}, "/sweeps/3/events");
  const auto news = everything(feed);
  EXPECT_THAT(news.events, ElementsAre(SseEvent{"state", "{\"a\":1}"}, SseEvent{"progress", "{}"}));
  EXPECT_TRUE(news.ended);
  EXPECT_FALSE(news.error);
}

TEST(EventFeedTest, TellsWhyThereIsNoStream) {
  FakeDaemon daemon;
  daemon.on("GET /sweeps/3/events", error_answer(503, "unavailable", "all event streams are taken"));
  EventFeed feed({daemon.url(), ""}, "/sweeps/3/events");
  const auto news = everything(feed);
  ASSERT_TRUE(news.error);
  EXPECT_EQ(news.error->message, "all event streams are taken");
}

TEST(EventFeedTest, TellsWhenTheStreamBreaks) {
  FakeDaemon daemon;
  daemon.on("GET /sweeps/3/events", {.stream = [](const WritePiece& write) {
              write("event: state\ndata: {}\n\n");
              return false;
            }});
  EventFeed feed({daemon.url(), ""}, "/sweeps/3/events");
  const auto news = everything(feed);
  EXPECT_EQ(news.events.size(), 1U);
  ASSERT_TRUE(news.error);
  EXPECT_TRUE(is_connection_error(*news.error));
}

TEST(EventFeedTest, LetsGoOfAStreamThatNeverEnds) {
  FakeDaemon daemon;
  std::atomic<bool> served = false;
  daemon.on("GET /sweeps/3/events", {.stream = [&served](const WritePiece& write) {
              served = true;
              while (write(": nothing new\n\n")) std::this_thread::yield();
              return true;
            }});
  auto feed = std::make_unique<EventFeed>(Endpoint{daemon.url(), ""}, "/sweeps/3/events");
  while (!served) std::this_thread::yield();
  feed.reset();
  daemon.stop();
}

TEST(EventFeedTest, CanBeDroppedAtOnce) {
  FakeDaemon daemon;
  daemon.on("GET /sweeps/3/events", {.stream = [](const WritePiece& write) {
              while (write(": nothing new\n\n")) std::this_thread::yield();
              return true;
            }});
  for (int i = 0; i < 20; ++i) EventFeed({daemon.url(), ""}, "/sweeps/3/events");
}

}  // namespace
}  // namespace moetune::cli
