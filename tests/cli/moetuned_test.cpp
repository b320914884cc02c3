// The command line with the real daemon behind it, on a recording.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include "cli/daemon_file.hpp"
#include "cli/text.hpp"
#include "schema/engine_rules.hpp"
#include "schema/trial.hpp"
#include "tests/cli/program.hpp"

namespace moetune::cli {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

struct Ended {
  int status = -1;
  std::string out;
  std::string err;
};

/// Rows of a made-up device: 144 tiles for each batch and the default, whose latency grows with how odd the tile is.
std::string recording(const std::vector<std::int64_t>& batches) {
  schema::Trial trial;
  trial.group.device = "NVIDIA_H200";
  trial.group.problem = {8, 512, 1024, 2, schema::Dtype::none, schema::ActDtype::bfloat16, std::nullopt};
  trial.group.kernel = "cuda";
  trial.group.kernel_digest = "feed";
  trial.group.compiler = "nvrtc 12.9";
  trial.arch = "sm_90a";
  std::string lines;
  const auto add = [&](const schema::TileConfig& config, double us) {
    trial.config = config;
    trial.samples_us = {us, us * 1.001, us * 0.999};
    trial.latency_us = us;
    lines += schema::to_json(trial).dump() + "\n";
  };
  for (const auto batch : batches) {
    trial.batch = batch;
    const auto fallback = schema::default_config(trial.group.problem, batch);
    add(fallback, 100);
    double us = 50;
    for (const int m : {16, 32, 64}) {
      for (const int n : {64, 128}) {
        for (const int k : {64, 128}) {
          for (const int warps : {4, 8}) {
            for (const int stages : {2, 3, 4}) {
              for (const int group : {1, 16}) {
                const schema::TileConfig config{m, n, k, group, warps, stages};
                if (config != fallback) add(config, us += 0.5);
              }
            }
          }
        }
      }
    }
  }
  return lines;
}

class MoetunedTest : public testing::Test {
 protected:
  ~MoetunedTest() override {
    const auto daemon = read_daemon_file(data_);
    if (daemon && *daemon) ::kill((*daemon)->pid, SIGKILL);
  }
  Program::Options options(bool terminal = false) const {
    return {.environment = {{"HOME", folder_.path().string()},
                            {"XDG_CACHE_HOME", (folder_.path() / "cache").string()},
                            {"TERM", "xterm"},
                            {"PATH", "/usr/bin:/bin"}},
            .terminal = terminal,
            .columns = 100,
            .rows = 30};
  }
  std::vector<std::string> words(std::vector<std::string> more) const {
    more.insert(more.begin(), {MOETUNE_PROGRAM, "--data-dir", data_.string()});
    return more;
  }
  Ended run_with(const std::vector<std::string>& more) const {
    Program program(words(more), options());
    const int status = program.finish();
    return {status, program.out(), program.err()};
  }
  std::vector<std::string> tune(const std::string& batches) const {
    return {"tune",
            "-E",
            "8",
            "-N",
            "512",
            "--hidden-size",
            "1024",
            "--topk",
            "2",
            "--batch",
            batches,
            "--recording",
            (folder_.path() / "rows.jsonl").string(),
            "--strategy",
            "exhaustive"};
  }
  int daemon_pid() const { return read_daemon_file(data_).value().value().pid; }

  TemporaryFolder folder_;
  std::filesystem::path data_ = folder_.path() / "data";
};

TEST_F(MoetunedTest, TunesExportsAndAnswersWithoutAnyPreparation) {
  folder_.file("rows.jsonl", recording({1, 64}));
  const auto tuned = run_with(tune("1,64"));
  ASSERT_EQ(tuned.status, 0) << tuned.err;
  EXPECT_THAT(tuned.err, AllOf(HasSubstr("started moetuned (pid "), HasSubstr("sweep 1: done, 288/288 (100%)")));
  EXPECT_THAT(tuned.out,
              AllOf(StartsWith("sweep 1 done in "), HasSubstr("--kernel cuda --origin recorded --allow-recorded")));

  const auto best = run_with({"best", "-E", "8", "-N", "512", "--json"});
  ASSERT_EQ(best.status, 0) << best.err;
  const auto group = json::parse(best.out)["results"][0];
  EXPECT_EQ(group["origin"], "recorded");
  EXPECT_NEAR(group["configs"]["64"]["speedup"].get<double>(), 2, 0.1);

  const auto refused = run_with({"export", "-E", "8", "-N", "512", "-o", folder_.path().string()});
  EXPECT_EQ(refused.status, 1);
  EXPECT_THAT(refused.err, HasSubstr("export -E 8 -N 512 --kernel cuda --allow-recorded -o "));
  const auto exported = run_with(
      {"export", "-E", "8", "-N", "512", "--kernel", "cuda", "--allow-recorded", "-o", folder_.path().string()});
  ASSERT_EQ(exported.status, 0) << exported.err;
  const auto file = folder_.path() / "E=8,N=512,device_name=NVIDIA_H200.json";
  EXPECT_EQ(exported.out, file.string() + "\n");
  EXPECT_EQ(json::parse(read_file(file))["64"], group["configs"]["64"]["chosen"]["config"]);

  EXPECT_THAT(run_with({"trials"}).out,
              testing::ResultOf([](const std::string& text) { return std::ranges::count(text, '\n'); }, 288));
  EXPECT_THAT(run_with({"sweeps"}).out, HasSubstr(" 1  done   288/288"));
  EXPECT_THAT(run_with({"best", "-E", "8", "-N", "1024"}).err,
              HasSubstr("  -E 8 -N 512 --hidden-size 1024 --topk 2 --dtype none"));
}

TEST_F(MoetunedTest, TunesWhatALogMisses) {
  const auto rows = folder_.file("rows.jsonl", recording({1, 64})).string();
  const std::string start =
      "WARNING 01-02 [fused_moe.py:1071] Using default MoE config. Performance might be sub-optimal! "
      "Config file not found at /opt/a b, c/vllm/configs/";
  const std::string line = start + "E=8,N=512,device_name=NVIDIA_H200.json\n";
  const std::string noise(200'000, '.');
  const auto log = folder_.file("vllm.log", noise + "\n" + line + noise + "\n" + line).string();
  const auto unknown = run_with({"tune", "--warning", log, "--recording", rows, "--batch", "1,64"});
  EXPECT_EQ(unknown.status, 2);
  EXPECT_THAT(unknown.err, HasSubstr("--hidden-size and --topk are needed"));

  const auto told = run_with({"tune", "--warning", log, "--recording", rows, "--batch", "1,64", "--hidden-size", "1024",
                              "--topk", "2", "--strategy", "exhaustive"});
  ASSERT_EQ(told.status, 0) << told.err;
  EXPECT_THAT(told.out, AllOf(StartsWith("sweep 1 done in "), HasSubstr("288 of 288 trials")));
  const auto known = run_with({"tune", "--warning", line, "--recording", rows, "--batch", "1", "--json"});
  ASSERT_EQ(known.status, 0) << known.err;
  EXPECT_EQ(json::parse(known.out)["spec"]["hidden_size"], 1024);
  EXPECT_THAT(known.err, HasSubstr("as known from 288 rows: --hidden-size 1024 --topk 2"));

  Program piped({"/bin/sh", "-c",
                 fmt::format("cat {} | {} --data-dir {} tune --warning - --recording {} --detach", log, MOETUNE_PROGRAM,
                             data_.string(), rows)},
                options());
  EXPECT_EQ(piped.finish(), 0) << piped.err();
  EXPECT_THAT(piped.out(), HasSubstr("sweep 3 is queued"));

  const auto another = run_with({"tune", "--warning", start + "E=8,N=512,device_name=NVIDIA_L20.json", "--recording",
                                 rows, "--hidden-size", "1024", "--topk", "2"});
  EXPECT_EQ(another.status, 1);
  EXPECT_THAT(another.err, HasSubstr("is a file for NVIDIA_L20, and the times of " + rows + " are of NVIDIA_H200"));
  const auto absent = run_with(
      {"tune", "--warning", line, "--recording", rows, "--hidden-size", "1024", "--topk", "2", "--kernel", "vllm"});
  EXPECT_EQ(absent.status, 1);
  EXPECT_THAT(absent.err, HasSubstr(rows + " has no rows of kernel vllm for this problem; it has cuda"));

  const auto other = run_with({"tune", "--warning", "Using MARLIN Fp8 MoE backend\n" + line, "--recording", rows});
  EXPECT_EQ(other.status, 1);
  EXPECT_THAT(other.err, HasSubstr("nothing to tune: the log shows \"Using MARLIN Fp8 MoE backend\""));
  // Whether this machine has a GPU or not, it has none of that name.
  const auto elsewhere = run_with({"tune", "--warning", start + "E=8,N=512,device_name=NVIDIA_X1.json", "--hidden-size",
                                   "1024", "--topk", "2", "--batch", "1"});
  EXPECT_EQ(elsewhere.status, 1) << elsewhere.err;
}

TEST_F(MoetunedTest, GoesOnWhenTheDaemonIsKilledInTheMiddle) {
  const auto rows = recording({1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048});
  const auto count = std::ranges::count(rows, '\n');
  folder_.file("rows.jsonl", rows);
  Program program(words(tune("1,2,4,8,16,32,64,128,256,512,1024,2048")), options(true));
  ASSERT_TRUE(program.wait_for("2048  ")) << program.out();  // every batch has a best, most trials are to come
  ::kill(daemon_pid(), SIGKILL);
  ASSERT_EQ(program.finish(), 0) << program.out();
  EXPECT_THAT(program.out(), AllOf(HasSubstr("sweep 1 done in "), HasSubstr(fmt::format("{0} of {0} trials", count))));

  std::set<std::string> keys;
  const auto lines = split(run_with({"trials"}).out, '\n');
  for (const auto& line : lines) {
    if (line.empty()) continue;
    const auto row = json::parse(line);
    EXPECT_TRUE(keys.insert(row["batch"].dump() + row["config"].dump()).second) << line;
  }
  EXPECT_EQ(std::ssize(keys), count);
}

TEST_F(MoetunedTest, LeavesASweepToTheDaemonAndTakesItUpAgain) {
  folder_.file("rows.jsonl", recording({1, 2, 4, 8}));
  auto detached = tune("1,2,4,8");
  detached.insert(detached.end(), {"--detach", "--json"});
  const auto started = run_with(detached);
  ASSERT_EQ(started.status, 0) << started.err;
  EXPECT_EQ(json::parse(started.out)["id"], 1);
  const auto followed = run_with({"sweep", "1", "--follow", "--json"});
  EXPECT_EQ(followed.status, 0) << followed.err;
  EXPECT_EQ(json::parse(followed.out)["trials"]["done"], 576);
  const auto paused = run_with({"pause", "1"});
  EXPECT_EQ(paused.status, 1);
  EXPECT_THAT(paused.err, HasSubstr("done"));
  EXPECT_EQ(run_with({"discard", "1"}).status, 0);
  EXPECT_EQ(run_with({"best", "-E", "8", "-N", "512"}).status, 1);
  EXPECT_EQ(run_with({"sweep", "2"}).status, 1);
}

TEST_F(MoetunedTest, CarriesRowsFromOneDatabaseToAnother) {
  const auto rows = folder_.file("rows.jsonl", recording({1})).string();
  EXPECT_EQ(run_with({"import", rows}).out, rows + ": 144 rows, 144 new, 0 known already, 0 rejected\n");
  EXPECT_EQ(run_with({"import", rows}).out, rows + ": 144 rows, 0 new, 144 known already, 0 rejected\n");
  const auto first = json::parse(split(run_with({"trials"}).out, '\n')[0]);
  EXPECT_EQ(first["origin"], "imported");
  EXPECT_EQ(run_with({"export", "-E", "8", "-N", "512", "--kernel", "cuda", "-o", "-"}).status, 0);
  const auto bad = run_with({"import", folder_.file("bad.jsonl", "{\"E\": 8}\n").string()});
  EXPECT_EQ(bad.status, 2);
  EXPECT_THAT(bad.err, HasSubstr("bad.jsonl"));

  const auto copy = (folder_.path() / "copy.db").string();
  EXPECT_EQ(run_with({"db", "backup", copy}).status, 0);
  EXPECT_THAT(read_file(copy), StartsWith("SQLite format 3"));
  EXPECT_THAT(run_with({"db", "check"}).out, StartsWith("the database holds together: 144 trials"));
}

TEST_F(MoetunedTest, SpeaksToADaemonThatAsksForAToken) {
  const auto token = folder_.file("token", "open-sesame\n");
  std::filesystem::permissions(token, std::filesystem::perms::owner_read);
  auto around = options();
  Program daemon(
      {MOETUNED_PROGRAM, "--data-dir", data_.string(), "--listen", "127.0.0.1:0", "--token-file", token.string()},
      around);
  ASSERT_TRUE(daemon.wait_for("listening on ")) << daemon.err();
  const auto without = run_with({"sweeps"});
  EXPECT_EQ(without.status, 1);
  EXPECT_THAT(without.err, HasSubstr("$MOETUNE_TOKEN"));
  EXPECT_EQ(run_with({"sweeps", "--token-file", token.string()}).status, 0);
  around.environment["MOETUNE_TOKEN"] = "open-sesame";
  EXPECT_EQ(Program(words({"sweeps"}), around).finish(), 0);
}

TEST_F(MoetunedTest, SaysWhatThisMachineLacks) {
  const auto doctor = run_with({"doctor"});
  EXPECT_EQ(doctor.status, 0) << doctor.out;
  EXPECT_THAT(doctor.out,
              AllOf(HasSubstr("data folder"), HasSubstr("compiler"), HasSubstr("GPU"), Not(HasSubstr("error "))));
  if (doctor.out.find("triton 3") != std::string::npos) {
    EXPECT_THAT(doctor.out, AllOf(HasSubstr("vllm"), HasSubstr("sglang"))) << "whether they were found or not";
  }
  EXPECT_THAT(run_with({"cache", "stats"}).out, HasSubstr("size limit"));
  EXPECT_EQ(run_with({"cache", "explain", "0123"}).status, 1);
}

}  // namespace
}  // namespace moetune::cli
