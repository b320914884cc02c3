#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "tests/cli/app_fixture.hpp"

namespace moetune::cli {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

struct BadLine {
  const char* line;
  const char* culprit;  ///< what the message must name
};

// NOLINTNEXTLINE(readability-identifier-naming): the name that GoogleTest looks for
void PrintTo(const BadLine& bad, std::ostream* stream) {
  *stream << "moetune " << bad.line;
}

class BadCommandLineTest : public AppTest, public testing::WithParamInterface<BadLine> {
 protected:
  /// SHAPE stands for a whole problem, '' for an empty word.
  static std::vector<std::string> words(const std::string& line) {
    std::vector<std::string> words;
    std::istringstream stream(line);
    for (std::string word; stream >> word;) {
      if (word == "SHAPE") {
        words.insert(words.end(), {"-E", "8", "-N", "512", "--hidden-size", "1024", "--topk", "2"});
      } else {
        words.push_back(word == "''" ? "" : word);
      }
    }
    return words;
  }
};

TEST_P(BadCommandLineTest, EndsWithTwoAndNamesTheCulprit) {
  const auto ended = run_with(words(GetParam().line));
  EXPECT_EQ(ended.status, ExitStatus::usage);
  EXPECT_EQ(ended.out, "");
  EXPECT_THAT(ended.err, StartsWith("moetune: "));
  EXPECT_THAT(ended.err, HasSubstr(GetParam().culprit));
  EXPECT_EQ(std::ranges::count(ended.err, '\n'), 1) << ended.err;
}

INSTANTIATE_TEST_SUITE_P(
    Lines, BadCommandLineTest,
    testing::Values(
        BadLine{"", "a command is required; see `moetune --help`"}, BadLine{"tuna", "there is no command tuna"},
        BadLine{"cache", "a command is required; see `moetune cache --help`"},
        BadLine{"cache fill", "there is no command fill"}, BadLine{"traffic fill", "there is no command fill"},
        BadLine{"--fast tune", "--fast"}, BadLine{"tune", "-E is required"},
        BadLine{"tune -E 8 -N 512 --hidden-size 1024", "--topk is required"},
        BadLine{"tune SHAPE --model no-such/path/", "no file or folder no-such/path/"},
        BadLine{"tune SHAPE --tp 2", "--tp goes with --model"}, BadLine{"tune SHAPE --ep", "--ep goes with --model"},
        BadLine{"tuen SHAPE", "there is no command tuen, did you mean tune? see `moetune --help`"},
        BadLine{"cache claer", "there is no command claer, did you mean clear? see `moetune cache --help`"},
        BadLine{"frobnicate", "there is no command frobnicate; see `moetune --help`"},
        BadLine{"tune SHAPE --bacth=1", "unknown argument --bacth=1, did you mean --batch? see `moetune tune --help`"},
        BadLine{"sweeps --jsno", "did you mean --json?"}, BadLine{"shapes", "--model is required"},
        BadLine{"shapes --model no-such.json", "no file or folder no-such.json"},
        BadLine{"tune SHAPE --fast", "--fast"}, BadLine{"tune SHAPE extra", "extra"},
        BadLine{"tune -E x -N 512 --hidden-size 1024 --topk 2", "-E must be a whole number, not \"x\""},
        BadLine{"tune -E 8.5 -N 512 --hidden-size 1024 --topk 2", "-E"},
        BadLine{"tune -E 0 -N 512 --hidden-size 1024 --topk 1", "-E must be between 1"},
        BadLine{"tune -E -8 -N 512 --hidden-size 1024 --topk 2", "-E"},
        BadLine{"tune -E 99999999999999999999 -N 5 --hidden-size 1 --topk 1", "-E"},
        BadLine{"tune -E 8 -E 9 -N 512 --hidden-size 1024 --topk 2", "-E may be given only once"},
        BadLine{"tune -E 8 -N 512 --hidden-size 0 --topk 2", "--hidden-size"},
        BadLine{"tune -E 8 -N 512 --hidden-size 1024 --topk 9", "topk"}, BadLine{"tune SHAPE --batch 1,,2", "--batch"},
        BadLine{"tune SHAPE --batch 0", "--batch"}, BadLine{"tune SHAPE --batch 1,1", "--batch lists 1 twice"},
        BadLine{"tune SHAPE --batch ''", "--batch: must not be empty"},
        BadLine{"tune SHAPE --dtype fp9", "dtype \"fp9\""},
        BadLine{"tune SHAPE --act-dtype int8", "act_dtype \"int8\""},
        BadLine{"tune SHAPE --dtype fp8_w8a8 --block-shape 128", "--block-shape"},
        BadLine{"tune SHAPE --block-shape 128,128", "block_shape"}, BadLine{"tune SHAPE --l2 hot", "l2 \"hot\""},
        BadLine{"tune SHAPE --strategy guess", "--strategy must be race or exhaustive"},
        BadLine{"tune SHAPE --routing skewed", "--routing"}, BadLine{"tune SHAPE --gpus 0,x", "--gpus"},
        BadLine{"tune SHAPE --gpus 0,0", "--gpus lists 0 twice"}, BadLine{"tune SHAPE --seed -1", "--seed"},
        BadLine{"tune SHAPE --router-weight-on-input maybe", "--router-weight-on-input must be 0, 1, true or false"},
        BadLine{"tune SHAPE --gated 2", "--gated must be 0, 1"},
        BadLine{"tune SHAPE --per-channel-quant 1", "per_channel_quant needs a quantised dtype"},
        BadLine{"tune SHAPE --compile", "--compile goes with recording"},
        BadLine{"tune SHAPE --recording no-such.jsonl", "no-such.jsonl"},
        BadLine{"tune SHAPE --space no-such.json", "no-such.json"},
        BadLine{"tune SHAPE --kernel", "--kernel needs a value"}, BadLine{"best", "-E is required"},
        BadLine{"best -E 8", "-N is required"}, BadLine{"best -E 8 -N x", "-N: N must be an integer"},
        BadLine{"best -E 8 -N 8 --batch 0", "--batch"}, BadLine{"best -E 8 -N 8 --gated maybe", "--gated"},
        BadLine{"best -E 8 -N 8 --origin guessed", "--origin"},
        BadLine{"export -E 8 -N 8 --format trt", "--format must be vllm or sglang"},
        BadLine{"trials --status fine", "--status"}, BadLine{"trials --format xml", "--format must be jsonl or csv"},
        BadLine{"sweep", "ID is required"}, BadLine{"sweep three", "\"three\""}, BadLine{"pause 0", "\"0\""},
        BadLine{"cancel -1", "-1"}, BadLine{"import", "PATH is required"},
        BadLine{"import no-such.jsonl", "no-such.jsonl"}, BadLine{"lint", "FILE is required"},
        BadLine{"compare", "FILE is required"}, BadLine{"db backup", "FILE is required"},
        BadLine{"traffic import", "FILE is required"}, BadLine{"traffic show --id x", "--id"},
        BadLine{"cache trim --to much", "--to must be a size"}, BadLine{"cache trim --to 9999999999TiB", "--to"},
        BadLine{"cache explain", "KEY is required"}, BadLine{"sweeps --data-dir ''", "--data-dir"},
        BadLine{"sweeps --server localhost", "\"localhost\" is not the URL"},
        BadLine{"sweeps --token-file no-such", "no-such"}));

TEST_F(AppTest, HelpsWithEveryCommandAndGivesAnExample) {
  for (const char* line : {"tune", "shapes",  "sweeps",  "sweep",   "pause",  "resume", "cancel",     "discard",
                           "best", "export",  "report",  "publish", "trials", "import", "candidates", "candidate",
                           "lint", "compare", "traffic", "cache",   "db",     "doctor"}) {
    const auto ended = run_with({line, "--help"});
    EXPECT_EQ(ended.status, ExitStatus::done);
    EXPECT_EQ(ended.err, "");
    EXPECT_THAT(ended.out, AllOf(HasSubstr("Examples:\n  moetune " + std::string(line)), HasSubstr("--data-dir")));
    EXPECT_THAT(run_with({"--help"}).out, HasSubstr("\n  " + std::string(line) + " "));
  }
  for (const auto& words :
       {std::vector<std::string>{"cache", "trim", "-h"}, {"db", "backup", "--help"}, {"traffic", "import", "-h"}}) {
    EXPECT_THAT(run_with(words).out, HasSubstr("Examples:\n  moetune " + words[0] + " " + words[1]));
  }
}

TEST_F(AppTest, TellsItsVersion) {
  EXPECT_EQ(run_with({"--version"}).out, "moetune " MOETUNE_VERSION "\n");
}

TEST_F(AppTest, SaysWhatToDoWithoutADaemon) {
  const auto ended = run_with({"best", "-E", "8", "-N", "512"});
  EXPECT_EQ(ended.status, ExitStatus::failed);
  EXPECT_THAT(ended.err, AllOf(StartsWith("moetune: no daemon runs on "), HasSubstr("--server URL")));
}

TEST_F(AppTest, RefusesSpaceFilesThatHoldNoObject) {
  const auto tune = [&](const std::string& bytes) {
    const auto file = folder_.file("space.json", bytes).string();
    return run_with({"tune", "-E", "8", "-N", "512", "--hidden-size", "1024", "--topk", "2", "--space", file});
  };
  EXPECT_THAT(tune("{\"BLOCK_SIZE_M\": [16],").err, HasSubstr("space.json is not valid JSON"));
  EXPECT_THAT(tune("[1]").err, HasSubstr("must hold a JSON object"));
  EXPECT_THAT(tune("{\"a\": 1, \"a\": 2}").err, HasSubstr("twice"));
  EXPECT_THAT(tune("{\"a\": \"" + std::string(2 << 20, 'x') + "\"}").err, HasSubstr("larger than 1 MiB"));
  EXPECT_EQ(tune("[1]").status, ExitStatus::usage);
}

}  // namespace
}  // namespace moetune::cli
