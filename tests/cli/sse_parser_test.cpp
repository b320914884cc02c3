#include "cli/sse_parser.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace moetune::cli {
namespace {

using testing::ElementsAre;

class SseParserTest : public testing::Test {
 protected:
  std::vector<SseEvent> events_;
  SseParser parser_{[this](SseEvent event) { events_.push_back(std::move(event)); }};
};

TEST_F(SseParserTest, ReadsNamedEvents) {
  EXPECT_TRUE(parser_.feed("event: progress\ndata: {\"done\":1}\n\nevent: state\ndata: {}\n\n"));
  EXPECT_THAT(events_, ElementsAre(SseEvent{"progress", "{\"done\":1}"}, SseEvent{"state", "{}"}));
}

TEST_F(SseParserTest, DoesNotCareHowTheStreamIsCut) {
  const std::string stream = ": hello\r\nevent: a\r\ndata: 1\r\ndata: 2\r\n\r\nid: 7\revent: b\rdata:3\r\r";
  for (std::size_t size = 1; size <= stream.size(); ++size) {
    std::vector<SseEvent> events;
    SseParser parser([&](SseEvent event) { events.push_back(std::move(event)); });
    for (std::size_t at = 0; at < stream.size(); at += size) EXPECT_TRUE(parser.feed(stream.substr(at, size)));
    EXPECT_THAT(events, ElementsAre(SseEvent{"a", "1\n2"}, SseEvent{"b", "3"})) << "in pieces of " << size;
  }
}

TEST_F(SseParserTest, SkipsCommentsAndEventsWithoutData) {
  EXPECT_TRUE(parser_.feed(": nothing new\n\nevent: empty\n\ndata: x\n\n"));
  EXPECT_THAT(events_, ElementsAre(SseEvent{"message", "x"}));
}

TEST_F(SseParserTest, DropsAnEventThatTheStreamBreaksOffIn) {
  EXPECT_TRUE(parser_.feed("event: state\ndata: {\"state\":\"do"));
  EXPECT_THAT(events_, ElementsAre());
}

TEST_F(SseParserTest, GivesUpOnALineWithoutEnd) {
  const std::string piece(1 << 20, 'x');
  bool alive = true;
  for (int i = 0; i < 8 && alive; ++i) alive = parser_.feed(piece);
  EXPECT_FALSE(alive);
}

}  // namespace
}  // namespace moetune::cli
