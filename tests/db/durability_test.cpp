#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <map>
#include <sstream>

#include "db/maintenance.hpp"
#include "tests/db/store_fixture.hpp"

namespace moetune::db {
namespace {

/// db_writer as a child process, its output read line by line.
class Writer {
 public:
  Writer(const std::filesystem::path& folder, std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {MOETUNE_DB_WRITER, folder.string()});
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    int input[2];
    int output[2];
    if (::pipe2(input, O_CLOEXEC) != 0 || ::pipe2(output, O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, input[0], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, output[1], STDOUT_FILENO);
    if (::posix_spawn(&pid_, MOETUNE_DB_WRITER, &actions, nullptr, argv.data(), environ) != 0) pid_ = -1;
    posix_spawn_file_actions_destroy(&actions);
    ::close(input[0]);
    ::close(output[1]);
    input_ = input[1];
    output_ = ::fdopen(output[0], "r");
  }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
  ~Writer() {
    kill();
    ::fclose(output_);
    ::close(input_);
  }

  pid_t pid() const { return pid_; }
  /// The next line without its end; empty at the end of the output.
  std::string line() {
    std::string text;
    for (int c = std::fgetc(output_); c != EOF; c = std::fgetc(output_)) {
      if (c == '\n') return text;
      text += static_cast<char>(c);
    }
    return "";
  }
  void kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }

 private:
  pid_t pid_ = -1;
  int input_ = -1;
  std::FILE* output_ = nullptr;
};

class DurabilityTest : public ::testing::Test {
 protected:
  std::filesystem::path data_dir() const { return folder_.path() / "data"; }
  static std::size_t rows_of(Database& database, std::int64_t sweep) {
    return must(database.read([&](Snapshot& snapshot) { return finished_trials(snapshot, sweep); })).size();
  }
  void expect_sound() { EXPECT_EQ(must(check_database(data_dir())).findings, std::vector<std::string>{}); }

  TemporaryFolder folder_;
};

TEST_F(DurabilityTest, KeepsWhatWasAcknowledgedWhenTheWriterIsKilled) {
  std::map<std::int64_t, std::size_t> acknowledged;
  for (const std::size_t rows : {1U, 2U, 3U, 17U, 60U, 150U, 5U, 33U}) {
    Writer writer(data_dir(), {"record"});
    std::int64_t sweep = 0;
    for (std::size_t i = 0; i < rows; ++i) {
      std::size_t number = 0;
      std::istringstream(writer.line()) >> sweep >> number;
      ASSERT_EQ(number, i);
    }
    writer.kill();
    // It may have written lines, and committed rows, that nobody has read.
    acknowledged[sweep] = rows;
    const auto database = open_or_throw(data_dir());
    for (const auto& [id, count] : acknowledged) EXPECT_GE(rows_of(*database, id), count);
    expect_sound();
  }
  EXPECT_EQ(acknowledged.size(), 8U);
}

TEST_F(DurabilityTest, IsHeldByOneProcessUntilItEnds) {
  Writer holder(data_dir(), {"hold"});
  ASSERT_EQ(holder.line(), "held");
  const auto refused = Database::open(data_dir(), Access::read_write);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::conflict);
  EXPECT_EQ(refused.error().detail.at("pid"), holder.pid());
  EXPECT_TRUE(Database::open(data_dir(), Access::read_only));
  Writer second(data_dir(), {"hold"});
  EXPECT_NE(second.line().find(std::to_string(holder.pid())), std::string::npos);
  holder.kill();
  EXPECT_TRUE(Database::open(data_dir(), Access::read_write));
}

TEST_F(DurabilityTest, SurvivesAFullDisk) {
  std::size_t failures = 0;
  for (const int bytes : {150'000, 300'000, 1'000'000, 5'000'000}) {
    TemporaryFolder folder;
    Writer writer(folder.path(), {"fill", std::to_string(bytes)});
    std::size_t acknowledged = 0;
    std::istringstream(writer.line()) >> acknowledged;
    const std::string error = writer.line();
    if (error.starts_with("io: ") && error.find("results.db") != std::string::npos) ++failures;
    EXPECT_EQ(writer.line(), "usable") << error;
    writer.kill();
    const auto database = open_or_throw(folder.path());
    EXPECT_GE(rows_of(*database, 1), acknowledged + 1) << error;
    EXPECT_EQ(must(check_database(folder.path())).findings, std::vector<std::string>{});
  }
  EXPECT_EQ(failures, 4U);
}

TEST_F(DurabilityTest, SaysWhichFolderItMayNotWrite) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may write everywhere";
  std::filesystem::create_directory(data_dir());
  std::filesystem::permissions(data_dir(), std::filesystem::perms::owner_read | std::filesystem::perms::owner_exec);
  const auto refused = Database::open(data_dir(), Access::read_write);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::io);
  EXPECT_NE(refused.error().message.find(data_dir().string()), std::string::npos);
}

}  // namespace
}  // namespace moetune::db
