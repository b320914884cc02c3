#include "cli/connector.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/daemon_file.hpp"
#include "tests/cli/fake_daemon.hpp"
#include "tests/cli/program.hpp"

namespace moetune::cli {
namespace {

using schema::ErrorCode;
using testing::HasSubstr;

/// The number of a process that has ended.
int ended_process() {
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(0);
  ::waitpid(pid, nullptr, 0);
  return pid;
}

class ConnectorTest : public testing::Test {
 protected:
  ConnectorTest() {
    settings_.data_dir = folder_.path();
    settings_.default_url = closed_.url();
    settings_.executable = folder_.path() / "moetuned";
    closed_.stop();
  }
  void write_daemon_file(const std::string& url, int pid) const {
    folder_.file("daemon.json", R"({"url":")" + url + R"(","pid":)" + std::to_string(pid) + "}");
  }
  /// A program in place of moetuned.
  void write_daemon(const std::string& script) const {
    const auto path = folder_.file("moetuned", "#!/bin/sh\n" + script);
    ::chmod(path.c_str(), 0755);
  }
  FakeDaemon closed_;
  FakeDaemon daemon_;
  TemporaryFolder folder_;
  StringOutput notes_;
  Connector::Settings settings_;
};

TEST_F(ConnectorTest, TakesTheServerThatIsNamed) {
  write_daemon_file(daemon_.url(), ::getpid());
  settings_.server = "http://gpu-box:1";
  Connector connector(settings_, notes_);
  EXPECT_EQ(connector.find().value().url(), "http://gpu-box:1");
  EXPECT_EQ(connector.connect(k_idle_after_query).value().url(), "http://gpu-box:1");
}

TEST_F(ConnectorTest, TakesTheDaemonOfTheDataFolder) {
  write_daemon_file(daemon_.url(), ::getpid());
  Connector connector(settings_, notes_);
  EXPECT_EQ(connector.find().value().url(), daemon_.url());
}

TEST_F(ConnectorTest, TakesTheDefaultAddressWithoutADaemonFile) {
  settings_.default_url = daemon_.url();
  Connector connector(settings_, notes_);
  EXPECT_EQ(connector.find().value().url(), daemon_.url());
  EXPECT_EQ(notes_.text(), "");
}

TEST_F(ConnectorTest, SaysSoWhenTheFolderThatWasNamedHasNoDaemon) {
  settings_.default_url = daemon_.url();
  settings_.data_dir_is_given = true;
  Connector connector(settings_, notes_);
  ASSERT_TRUE(connector.find());
  ASSERT_TRUE(connector.find());
  EXPECT_EQ(notes_.text(),
            "no daemon runs on " + folder_.path().string() + "; using the one at " + daemon_.url() + "\n");
}

TEST_F(ConnectorTest, LeavesOtherServersAtTheDefaultAddressAlone) {
  daemon_.on("GET /healthz", {.body = R"({"ok":true})"});
  settings_.default_url = daemon_.url();
  Connector connector(settings_, notes_);
  EXPECT_EQ(connector.find().error().code, ErrorCode::unavailable);
}

TEST_F(ConnectorTest, TakesADaemonThatAsksForAToken) {
  daemon_.on("GET /healthz", error_answer(401, "unauthorized", "a token is required"));
  settings_.default_url = daemon_.url();
  Connector connector(settings_, notes_);
  EXPECT_TRUE(connector.find());
}

TEST_F(ConnectorTest, DoesNotTakeTheDefaultAddressForADaemonThatWasKilled) {
  settings_.default_url = daemon_.url();
  write_daemon_file(closed_.url(), ended_process());
  Connector connector(settings_, notes_);
  const auto found = connector.find();
  ASSERT_FALSE(found);
  EXPECT_THAT(found.error().message, HasSubstr("has ended"));
}

TEST_F(ConnectorTest, IgnoresAPortThatSomebodyElseHasNow) {
  write_daemon_file(daemon_.url(), ended_process());
  Connector connector(settings_, notes_);
  EXPECT_FALSE(connector.find());
}

TEST_F(ConnectorTest, SaysWhenTheDaemonFileIsDamaged) {
  folder_.file("daemon.json", "{\"url\": 7}");
  Connector connector(settings_, notes_);
  EXPECT_EQ(connector.connect(k_idle_after_query).error().code, ErrorCode::data_damaged);
}

TEST_F(ConnectorTest, StartsADaemonWhenThereIsNone) {
  write_daemon("echo \"$@\" > \"$2/arguments\"; echo 'listening on " + daemon_.url() + "'; exec sleep 60\n");
  Connector connector(settings_, notes_);
  const auto client = connector.connect(std::chrono::seconds(7));
  ASSERT_TRUE(client) << client.error().message;
  EXPECT_EQ(client->url(), daemon_.url());
  EXPECT_TRUE(connector.has_started_one());
  EXPECT_THAT(notes_.text(),
              testing::MatchesRegex("started moetuned \\(pid [0-9]+\\), it ends when idle; log: .*daemon.log\n"));
  EXPECT_EQ(read_file(folder_.path() / "arguments"),
            "--data-dir " + folder_.path().string() + " --listen 127.0.0.1:0 --exit-when-idle 7\n");
  ::kill(std::stoi(notes_.text().substr(notes_.text().find("pid ") + 4)), SIGKILL);
}

TEST_F(ConnectorTest, GivesTheLogOfADaemonThatCannotStart) {
  write_daemon("echo 'moetuned: results.db is damaged' >&2; exit 1\n");
  Connector connector(settings_, notes_);
  const auto client = connector.connect(k_idle_after_query);
  ASSERT_FALSE(client);
  EXPECT_EQ(client.error().code, ErrorCode::unavailable);
  EXPECT_THAT(client.error().message, HasSubstr("could not start"));
  EXPECT_THAT(client.error().message, HasSubstr("results.db is damaged"));
}

TEST_F(ConnectorTest, TakesTheDaemonThatSomebodyElseStartedMeanwhile) {
  write_daemon("echo '{\"url\":\"" + daemon_.url() + "\",\"pid\":" + std::to_string(::getpid()) +
               "}' > \"$2/daemon.json\"\n" + "echo 'moetuned: another daemon holds the database' >&2; exit 1\n");
  Connector connector(settings_, notes_);
  const auto client = connector.connect(k_idle_after_query);
  ASSERT_TRUE(client) << client.error().message;
  EXPECT_EQ(client->url(), daemon_.url());
  EXPECT_FALSE(connector.has_started_one());
}

TEST_F(ConnectorTest, SaysWhatToDoWithoutMoetuned) {
  Connector connector(settings_, notes_);
  const auto client = connector.connect(k_idle_after_query);
  ASSERT_FALSE(client);
  EXPECT_THAT(client.error().message, HasSubstr("--server URL"));
}

TEST(DaemonFileTest, KnowsWhichProcessesLive) {
  EXPECT_TRUE(process_lives(::getpid()));
  EXPECT_TRUE(process_lives(1));
  EXPECT_FALSE(process_lives(ended_process()));
}

}  // namespace
}  // namespace moetune::cli
