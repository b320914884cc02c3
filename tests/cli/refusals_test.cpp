// What the real programs refuse: options, ports, folders, files, and a second daemon.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "tests/cli/program.hpp"

namespace moetune::cli {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

using Words = std::vector<std::string>;

struct Result {
  int status = -1;
  std::string out;
  std::string err;
};

class RefusalsTest : public testing::Test {
 protected:
  Program::Options around() const {
    return {.environment = {{"HOME", folder_.path().string()}, {"PATH", "/usr/bin:/bin"}}};
  }
  std::string path(const std::string& name) const { return (folder_.path() / name).string(); }
  Words moetuned(const Words& more) const {
    Words words = {MOETUNED_PROGRAM, "--data-dir", data_, "--cache-dir", path("cache"), "--listen", "127.0.0.1:0"};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  Result ran(const Words& words) const {
    Program program(words, around());
    const int status = program.finish();
    return {status, program.out(), program.err()};
  }
  /// The names in the test's folder, sorted.
  std::set<std::string> files() const {
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_.path())) {
      names.insert(std::filesystem::relative(entry.path(), folder_.path()));
    }
    return names;
  }

  void expect_refused(const Words& words, int status, const std::string& culprit) const {
    const Result result = ran(words);
    const std::string line = fmt::format("{}", fmt::join(words, " "));
    EXPECT_EQ(result.status, status) << line << "\n" << result.err;
    EXPECT_EQ(result.out, "") << line;
    EXPECT_THAT(result.err, AllOf(StartsWith("moetune"), HasSubstr(culprit))) << line;
    EXPECT_EQ(std::ranges::count(result.err, '\n'), 1) << line << "\n" << result.err;
  }

  TemporaryFolder folder_;
  const std::string data_ = path("data");
};

/// Every option of moetuned with values that it must refuse.
const std::map<std::string, Words>& bad_values() {
  const Words count = {"", "x", "0", "-1", "1.5", "1e30", "99999999999999999999", "2147483648"};
  static const std::map<std::string, Words> table = {
      {"--data-dir", {""}},
      {"--cache-dir", {""}},
      {"--listen",
       {"", "nonsense", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:-1", "127.0.0.1:65536", ":8765", "[::1:80",
        "http://127.0.0.1:80"}},
      {"--token-file", {"", "no-such", "/", "/dev/null"}},
      {"--gpus", {"", "x", "-1", "0,0", "0,,1", "1.5", "1024", "99999999999999999999"}},
      {"--compile-jobs", count},
      {"--python", {""}},
      {"--engine-path", {"", "no-such", "/dev/null"}},
      {"--kernel-path", {"", "no-such", "/dev/null"}},
      {"--publish", {"", "/dev/null"}},
      {"--log-level", {"", "loud", "INFO"}},
      {"--exit-when-idle", {"", "x", "-1", "1.5", "1e30", "99999999999999999999"}},
      {"--compile-time-limit", count},
      {"--compile-memory-limit", count},
      {"--measure-time-limit", count},
      {"--cache-size-limit", count},
  };
  return table;
}

TEST_F(RefusalsTest, MoetunedHasARowForEveryOptionOfItsHelp) {
  std::istringstream help(ran({MOETUNED_PROGRAM, "--help"}).out);
  static const std::regex option(R"(^  (?:-\w,)?(--[\w-]+)( .*)?$)");
  std::set<std::string> listed;
  std::smatch found;
  for (std::string line; std::getline(help, line);) {
    if (std::regex_match(line, found, option)) listed.insert(found[1]);
  }
  listed.erase("--help");
  listed.erase("--version");
  std::set<std::string> known;
  for (const auto& [name, unused] : bad_values()) known.insert(name);
  EXPECT_EQ(listed, known);
}

TEST_F(RefusalsTest, MoetunedRefusesEveryBadValueByName) {
  for (const auto& [name, values] : bad_values()) {
    for (const std::string& value : values) {
      expect_refused({MOETUNED_PROGRAM, "--exit-when-idle=0", name + "=" + value}, 2,
                     name == "--exit-when-idle" ? name : name.substr(2, 5));
    }
    expect_refused({MOETUNED_PROGRAM, name}, 2, name);
    expect_refused({MOETUNED_PROGRAM, name, "1", name, "1"}, 2, name);
  }
  expect_refused({MOETUNED_PROGRAM, "--surplus"}, 2, "--surplus");
  expect_refused({MOETUNED_PROGRAM, "surplus"}, 2, "surplus");
  EXPECT_TRUE(files().empty()) << "a daemon that was told nonsense makes no folder";
}

TEST_F(RefusalsTest, APortInUseIsNamed) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ASSERT_EQ(::bind(socket, reinterpret_cast<const sockaddr*>(&address), size), 0);
  ASSERT_EQ(::listen(socket, 1), 0);
  ASSERT_EQ(::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size), 0);
  const std::string listen = fmt::format("127.0.0.1:{}", ntohs(address.sin_port));
  expect_refused({MOETUNED_PROGRAM, "--data-dir", data_, "--cache-dir", path("cache"), "--listen", listen}, 1, listen);
  EXPECT_FALSE(std::filesystem::exists(data_ + "/daemon.json"));
  ::close(socket);
}

TEST_F(RefusalsTest, ASecondDaemonOnTheSameDataIsRefusedAndTheFirstGoesOn) {
  Program first(moetuned({}), around());
  ASSERT_TRUE(first.wait_for("listening on ")) << first.err();
  const std::string left = read_file(data_ + "/daemon.json");
  expect_refused(moetuned({}), 1, data_);
  expect_refused(moetuned({}), 1, std::to_string(first.pid()));
  EXPECT_EQ(read_file(data_ + "/daemon.json"), left);
  EXPECT_EQ(ran({MOETUNE_PROGRAM, "--data-dir", data_, "sweeps"}).status, 0);
}

TEST_F(RefusalsTest, FoldersThatCannotBeUsedAreNamed) {
  const std::string file = folder_.file("file", "here").string();
  const auto start = [](const std::string& data) { return Words{MOETUNED_PROGRAM, "--data-dir", data}; };
  expect_refused(start(file), 1, file);
  expect_refused(start(file + "/below"), 1, file);
  expect_refused(start("/proc/moetune"), 1, "/proc/moetune");
  EXPECT_EQ(read_file(file), "here");
  EXPECT_EQ(files(), std::set<std::string>{"file"});
}

TEST_F(RefusalsTest, ATokenFileMustBeSecretAndHoldAToken) {
  const auto token = [&](const std::string& text, int mode) {
    const auto file = folder_.file("token", text);
    std::filesystem::permissions(file, static_cast<std::filesystem::perms>(mode));
    return moetuned({"--token-file", file.string()});
  };
  for (const int mode : {0644, 0640, 0604, 0660, 0601}) expect_refused(token("secret\n", mode), 2, "chmod 600");
  for (const char* text : {"", "\n", "two\nlines\n", "with space",
                           "b\xff"
                           "d",
                           "quo\"te"}) {
    expect_refused(token(text, 0600), 2, path("token"));
  }
  expect_refused(token(std::string(10'000, 'x'), 0600), 2, path("token"));
  expect_refused(moetuned({"--listen", "0.0.0.0:0"}), 2, "--listen");
  expect_refused({MOETUNED_PROGRAM, "--data-dir", data_, "--listen", "0.0.0.0:0"}, 2, "token");
}

/// moetune with a daemon that runs already.
class ServedRefusalsTest : public RefusalsTest {
 protected:
  ServedRefusalsTest() : daemon_(moetuned({}), around()) {
    EXPECT_TRUE(daemon_.wait_for("listening on ")) << daemon_.err();
    before_ = files();
  }
  ~ServedRefusalsTest() override {
    // Nothing half written anywhere, and nothing created.
    for (const auto& name : files()) {
      const bool database = name.starts_with("data/results.db") || name.starts_with("data/uploads/");
      EXPECT_TRUE(database || before_.contains(name)) << name;
    }
    EXPECT_EQ(ran(moetune({"sweeps", "--json"})).out, R"({"items":[],"next":null})"
                                                      "\n");
    EXPECT_EQ(ran(moetune({"trials"})).out, "");
  }
  Words moetune(const Words& more) const {
    Words words = {MOETUNE_PROGRAM, "--data-dir", data_};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  Words tune(const Words& more) const {
    Words words =
        moetune({"tune", "-E", "8", "-N", "256", "--hidden-size", "256", "--topk", "2", "--batch", "1", "--detach"});
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  std::string put(const std::string& name, const std::string& bytes) {
    before_.insert(name);
    return folder_.file(name, bytes).string();
  }

  Program daemon_;
  std::set<std::string> before_;
};

TEST_F(ServedRefusalsTest, RecordingsAndSpacesThatAreNone) {
  expect_refused(tune({"--recording", path("data")}), 2, path("data"));
  expect_refused(tune({"--recording", put("empty", "")}), 2, "");
  expect_refused(tune({"--recording", put("rubbish.jsonl", "hello\n")}), 2, "rubbish.jsonl line 1");
  expect_refused(tune({"--recording", put("bytes.zst", "\x28\xb5\x2f\xfdrubbish")}), 1, "zstd");
  expect_refused(tune({"--space", path("data")}), 2, path("data"));
  expect_refused(
      tune({"--recording", put("some.jsonl", "\n"), "--space", put("space.json", R"({"BLOCK_SIZE_M":[3]})")}), 2,
      "BLOCK_SIZE_M");
  expect_refused(tune({"--space", put("deep.json", std::string(100'000, '['))}), 2, "deep.json");
  expect_refused(tune({"--space", put("large.json", std::string(2 << 20, ' '))}), 2, "1 MiB");
}

TEST_F(ServedRefusalsTest, FilesToImportThatHoldNoRows) {
  const auto import = [&](const std::string& file) { return moetune({"import", file}); };
  expect_refused(import(path("data")), 2, path("data"));
  expect_refused(import(put("rubbish.jsonl", "hello\n")), 2, "rubbish.jsonl");
  expect_refused(import(put("deep.jsonl", std::string(100'000, '[') + "\n")), 2, "deep.jsonl");
  expect_refused(import(put("utf8.jsonl", "{\"device\":\"\xff\"}\n")), 2, "utf8.jsonl");
  expect_refused(import(put("cut.zst", std::string("\x28\xb5\x2f\xfd", 4))), 2, "cut.zst");
}

TEST_F(ServedRefusalsTest, PlacesToWriteToThatCannotBeWritten) {
  const std::string file = put("file", "here");
  expect_refused(moetune({"db", "backup", file}), 1, file);
  expect_refused(moetune({"db", "backup", path("data")}), 1, path("data"));
  expect_refused(moetune({"db", "backup", path("none/copy.db")}), 1, path("none/copy.db"));
  expect_refused(moetune({"db", "backup", "/proc/copy.db"}), 1, "/proc");
  EXPECT_EQ(read_file(file), "here");
}

TEST_F(ServedRefusalsTest, SweepsAndKeysThatDoNotExist) {
  for (const char* command : {"sweep", "pause", "resume", "cancel", "discard"}) {
    expect_refused(moetune({command, "7"}), 1, "sweep 7");
  }
  expect_refused(moetune({"cache", "explain", "abcd"}), 1, "abcd");
  expect_refused(moetune({"best", "-E", "8", "-N", "256"}), 1, "nothing");
  expect_refused(moetune({"export", "-E", "8", "-N", "256", "-o", path("out")}), 1, "nothing");
  expect_refused(tune({"--recording", put("rows.jsonl", "\n")}), 1, "rows");
}

}  // namespace
}  // namespace moetune::cli
