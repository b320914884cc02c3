#include "daemon/supervisor/conversation.hpp"

#include <gmock/gmock.h>

#include <chrono>
#include <string>
#include <thread>

namespace moetune::daemon {
namespace {

using namespace std::chrono_literals;
using schema::ErrorCode;
using testing::HasSubstr;

Conversation with_shell(const std::string& script, std::chrono::milliseconds limit = 20s,
                        std::size_t max_bytes = 1000) {
  return Conversation(
      {.command = {.argv = {"/bin/sh", "-c", script}, .environment = {}}, .limit = limit, .max_bytes = max_bytes});
}

TEST(ConversationTest, OneProgramAnswersAllQuestions) {
  auto talk = with_shell("while read -r line; do echo \"$$ $line\"; done");
  const auto first = talk.ask("one");
  const auto second = talk.ask("two");
  ASSERT_TRUE(first && second);
  const auto pid = first->substr(0, first->find(' '));
  EXPECT_EQ(*first, pid + " one");
  EXPECT_EQ(*second, pid + " two");
}

TEST(ConversationTest, AQuestionMayBeLongerThanAPipeHolds) {
  auto talk = with_shell("while read -r line; do echo ${#line}; done");
  EXPECT_EQ(talk.ask(std::string(300'000, 'x')), "300000");
}

TEST(ConversationTest, AProgramThatEndedSinceIsStartedAnew) {
  auto talk = with_shell("read -r line; echo \"$line\"");
  for (const char* question : {"one", "two", "three"}) EXPECT_EQ(talk.ask(question), question);
}

TEST(ConversationTest, AnEndWithoutAnAnswerIsAnErrorOfThatQuestionAlone) {
  auto talk = with_shell(
      "while read -r line; do [ \"$line\" != bad ] || { echo >&2 trace; echo >&2 reason; exit 3; }; echo \"$line\"; "
      "done");
  EXPECT_EQ(talk.ask("good"), "good");
  const auto bad = talk.ask("bad");
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().code, ErrorCode::unavailable);
  EXPECT_EQ(bad.error().message, "/bin/sh exit status 3: reason");
  EXPECT_EQ(talk.ask("good"), "good");
}

TEST(ConversationTest, ALateAnswerIsNotTakenForTheNextOne) {
  auto talk = with_shell("read -r line; [ \"$line\" = slow ] && sleep 1; echo \"$line\"", 200ms);
  const auto slow = talk.ask("slow");
  ASSERT_FALSE(slow);
  EXPECT_THAT(slow.error().message, HasSubstr("took longer than 0.2 s"));
  EXPECT_EQ(talk.ask("quick"), "quick");
}

TEST(ConversationTest, WhoWaitsTooLongForItsTurnIsToldSo) {
  auto talk = with_shell("while read -r line; do echo begun >&2; sleep 3; done", 600ms);
  std::thread first([&] { EXPECT_FALSE(talk.ask("one")); });
  std::this_thread::sleep_for(100ms);
  std::thread second([&] { EXPECT_FALSE(talk.ask("two")); });
  std::this_thread::sleep_for(100ms);
  const auto begin = std::chrono::steady_clock::now();
  const auto third = talk.ask("three");
  EXPECT_FALSE(third);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 1800ms) << "its turn and its answer, each within the limit";
  first.join();
  second.join();
}

TEST(ConversationTest, MoreThanOneLineEndsTheProgram) {
  auto talk = with_shell("while read -r line; do printf '%s\\nmore\\n' \"$line\"; done");
  EXPECT_EQ(talk.ask("one"), "one");
  EXPECT_EQ(talk.ask("two"), "two");
}

TEST(ConversationTest, AnAnswerWithoutEndIsCutOff) {
  auto talk = with_shell("while read -r line; do yes | tr -d '\\n'; done");
  const auto endless = talk.ask("one");
  ASSERT_FALSE(endless);
  EXPECT_THAT(endless.error().message, HasSubstr("wrote more than 1000 bytes"));
}

TEST(ConversationTest, AProgramThatIsNotThereIsNamed) {
  Conversation talk({.command = {.argv = {"/nowhere/at/all"}, .environment = {}}});
  EXPECT_FALSE(talk.start());
  const auto answer = talk.ask("one");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::io);
  EXPECT_THAT(answer.error().message, HasSubstr("/nowhere/at/all"));
}

}  // namespace
}  // namespace moetune::daemon
