// Every option and positional of every command, as the help lists them, with values that it must refuse.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "schema/engine_file.hpp"
#include "tests/cli/app_fixture.hpp"

namespace moetune::cli {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

using Words = std::vector<std::string>;

/// What the help of a command says about one of its options or positionals.
struct Listed {
  std::string name;
  bool takes_value = false;
};

struct Command {
  Words words;
  std::vector<Listed> options;
  std::vector<std::string> positionals;
  std::string text() const { return fmt::format("{}", fmt::join(words, " ")); }
};

/// Values that must be refused; a text must be refused by one of the commands that have the option, unless it is listed
/// under the command's own name.
const std::map<std::string, Words>& bad_values() {
  const std::string long_text(300, 'x');
  const Words number = {"",
                        "x",
                        "0",
                        "-8",
                        "8.5",
                        "1e3",
                        "+8",
                        "0x10",
                        " 8",
                        "1e30",
                        "null",
                        "99999999999999999999",
                        "9223372036854775808"};
  const Words name = {"", long_text};
  const Words choice = {"", "nonsense", "COLD", long_text};
  const Words flag = {};
  static const std::map<std::string, Words> table = {
      {"-E", number},
      {"-N", number},
      {"--hidden-size", number},
      {"--topk", number},
      {"--batch", number},
      {"tune --batch", {"", "x", "0", "-1", "1,1", "1,,2", ",", "1;2", "1.5", "1e30", "1 2", "9223372036854775808"}},
      {"--dtype", choice},
      {"--act-dtype", choice},
      {"--block-shape", {"", "128", "128,", ",128", "a,b", "-1,128", "1e3,1", "128,128,128", "99999999999999999999,1"}},
      {"--gated", {"", "maybe", "2", "-1", "TRUE"}},
      {"--per-channel-quant", {"", "maybe", "2", "-1", "TRUE"}},
      {"--router-weight-on-input", {"", "maybe", "2", "-1", "TRUE"}},
      {"--model", {"", "no-such.json", "no-such/", "/dev/null", "/"}},
      {"--tp", {"", "x", "0", "-1", "1,1", "1,", "1.5", "4097", "99999999999999999999"}},
      {"shapes --device", {"", "a/b", long_text}},
      {"--device", name},
      {"--kernel", name},
      {"--kernel-digest", name},
      {"--compiler", name},
      {"--l2", choice},
      {"--routing", name},
      {"tune --routing",
       {"", "nonsense", "UNIFORM", "zipf:0", "zipf:5", "uniform,uniform", "zipf,zipf:1", "uniform,", "no-such.json",
        "a.pt", "counts:12", long_text}},
      {"tune --l2", {"", "nonsense", "COLD", "cold,cold", "cold,", long_text}},
      {"--origin", choice},
      {"--strategy", choice},
      {"--space", {"", "no-such.json", "/", "./", "/dev/null/x.json"}},
      {"--gpus", {"", "x", "-1", "0,0", "0,", "1.5", "99999999999999999999"}},
      {"--seed", {"", "x", "-1", "1.5", "1e30", "99999999999999999999"}},
      {"--warning",
       {"", "no-such.log", "/", "no such line", "Config file not found: E=8,N=512,device_name=X", "E=8,N=0.json"}},
      {"--recording", {"", "no-such.jsonl", "/dev/null/x"}},
      {"--status", choice},
      {"--sweep", name},
      {"--format", choice},
      {"--gemm", choice},
      {"--output", {""}},
      {"--plot", {"", "speedup", "speedup.gif", "no-such/"}},
      {"--serve", {"", "no-such.json", "/dev/null", "/"}},
      {"--to", {"", "x", "-1", "much", "1XiB", "1e30GiB", "99999999999999999999", "9999999999TiB"}},
      {"--server", {"", "localhost", "ftp://localhost", "http://", "http://localhost:x", "http://localhost:99999"}},
      {"--data-dir", {""}},
      {"--token-file", {"", "no-such", "/", "/dev/null"}},
      {"sweep ID", number},
      {"pause ID", number},
      {"resume ID", number},
      {"cancel ID", number},
      {"discard ID", number},
      {"candidate ID", number},
      {"--engine", choice},
      {"lint FILE", {"", "no-such.json", "/dev/null/x"}},
      {"--severity", choice},
      {"publish DIR", {"", "/dev/null"}},
      {"compare FILE", {"", "no-such.json", "/dev/null/x", "/"}},
      {"compare --batch", {"", "x", "0", "-1", "1,1", "1,,2", ",", "1;2", "1.5", "1e30", "1 2", "9223372036854775808"}},
      {"compare --routing", {"", "nonsense", "COLD", "uniform,zipf", "no-such.json", long_text}},
      {"compare --l2", {"", "nonsense", "COLD", "cold,warm", long_text}},
      {"compare --sweep", number},
      {"--max-batch", number},
      {"--rounds", {"", "x", "0", "-1", "5", "10,", "10,9", "10,20,30", "1.5", "201", "99999999999999999999"}},
      {"--level", {"", "x", "0", "49", "100", "101", "-1", "1e30", "nan", "99%"}},
      {"--min-gain", {"", "x", "-1", "101", "1e30", "nan", "inf", "1%"}},
      {"traffic import FILE", {"", "no-such.log", "/dev/null", "/"}},
      {"--id", number},
      {"--traffic", number},
      {"--kernel-share", {"", "x", "0", "-1", "1.01", "35%", "nan"}},
      {"import PATH", {"", "no-such.jsonl", "/dev/null/x"}},
      {"cache explain KEY", {"", "ab", "xyz!", "ABCDEF", "../../etc", long_text}},
      {"db backup FILE", {""}},
      {"--ep", flag},
      {"--compile", flag},
      {"--reuse", flag},
      {"--retry-failed", flag},
      {"--no-scan", flag},
      {"--no-imported", flag},
      {"--no-between", flag},
      {"--detach", flag},
      {"--follow", flag},
      {"--allow-recorded", flag},
      {"--robust", flag},
      {"--discard", flag},
      {"--discarded", flag},
      {"--overwrite", flag},
      {"--merge", flag},
      {"--guarantee", flag},
      {"--allow-gaps", flag},
      {"--force", flag},
      {"--json", flag},
      {"--help", flag},
      {"--version", flag},
  };
  return table;
}

/// The row of an option: the command's own, or the one of all commands that have it; null when there is none.
const Words* row_of(const Command& command, const std::string& name) {
  for (const std::string& key : {command.text() + " " + name, name}) {
    if (const auto row = bad_values().find(key); row != bad_values().end()) return &row->second;
  }
  return nullptr;
}

class OptionTableTest : public AppTest {
 protected:
  /// Every command with what its help lists, the program itself first.
  std::vector<Command> commands() const {
    std::vector<Command> all;
    add_commands_below({}, all);
    return all;
  }

  void add_commands_below(const Words& words, std::vector<Command>& all) const {
    Words asked = words;
    asked.emplace_back("--help");
    std::istringstream help(run_with(asked).out);
    static const std::regex option(R"(^  (?:-\w,)?(--?[\w-]+)( \S+)?(?: \.\.\.)?( REQUIRED)?(  .*)?$)");
    static const std::regex entry(R"(^  (\w+)( .*)?$)");
    Command command{words, {}, {}};
    std::vector<Words> below;
    std::string section;
    std::smatch found;
    for (std::string line; std::getline(help, line);) {
      if (line.empty() || line.starts_with("Examples")) section = line;
      if (line.ends_with(':')) section = line;
      if (std::regex_match(line, found, option)) {
        command.options.push_back({found[1], found[2].matched});
      } else if (section == "Positionals:" && std::regex_match(line, found, entry)) {
        command.positionals.push_back(found[1]);
      } else if (section == "Subcommands:" && std::regex_match(line, found, entry)) {
        below.push_back(words);
        below.back().push_back(found[1]);
      }
    }
    all.push_back(std::move(command));
    for (const Words& inner : below) add_commands_below(inner, all);
  }

  /// A file that `compare` takes.
  static std::string engine_file() {
    static const TemporaryFolder folder;
    const schema::TileConfig tile{16, 64, 64, 1, 4, 3};
    return folder.file("E=8,N=512,device_name=NVIDIA_H200.json",
                       schema::engine_file_bytes(schema::EngineFormat::vllm, {{1, tile}}, std::nullopt));
  }

  /// A line of the command that would be right, without `left_out`.
  Words right_line(const Command& command, const std::string& left_out) const {
    static const std::map<std::string, std::string> shape = {
        {"-E", "8"}, {"-N", "512"}, {"--hidden-size", "1024"}, {"--topk", "2"}};
    static const std::set<std::string> shape_commands = {"best", "export", "report"};
    Words words = command.words;
    if (words.empty()) words = {"sweeps"};
    const std::size_t needed = words[0] == "tune" ? 4 : shape_commands.contains(words[0]) ? 2 : 0;
    for (const char* name : {"-E", "-N", "--hidden-size", "--topk"}) {
      if (words.size() >= command.words.size() + 2 * needed || left_out == name) continue;
      if (needed == 2 && std::string_view(name).size() > 2) continue;
      if (needed > 0) words.insert(words.end(), {name, shape.at(name)});
    }
    if (words[0] == "compare") {
      for (const char* name : {"--hidden-size", "--topk"}) {
        if (left_out != name) words.insert(words.end(), {name, shape.at(name)});
      }
      if (left_out != "FILE") words.push_back(engine_file());
      return words;
    }
    if (words[0] == "shapes" && left_out != "--model")
      words.insert(words.end(), {"--model", MOETUNE_MODEL_CONFIGS "/olmoe.json"});
    static const std::map<std::string, std::string> positionals = {
        {"ID", "1"}, {"PATH", "rows.jsonl"}, {"KEY", "abcd"}, {"FILE", "copy.db"}, {"DIR", "published"}};
    for (const std::string& name : command.positionals) {
      if (name != left_out) words.push_back(positionals.at(name));
    }
    return words;
  }

  void expect_refused(const Words& words, const std::string& culprit) const {
    const Ended ended = run_with(words);
    const std::string line = fmt::format("moetune {}", fmt::join(words, " ")).substr(0, 200);
    EXPECT_EQ(ended.status, ExitStatus::usage) << line << "\n" << ended.err;
    EXPECT_EQ(ended.out, "") << line;
    EXPECT_THAT(ended.err, StartsWith("moetune: ")) << line;
    EXPECT_THAT(ended.err, HasSubstr(culprit)) << line;
    EXPECT_EQ(std::ranges::count(ended.err, '\n'), 1) << line << "\n" << ended.err;
    EXPECT_TRUE(std::filesystem::is_empty(folder_.path())) << line;
  }

  static Words with(Words words, const Words& more) {
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
};

TEST_F(OptionTableTest, HasARowForEverythingThatTheHelpLists) {
  const auto all = commands();
  EXPECT_GE(all.size(), 21U);
  std::set<std::string> used;
  for (const Command& command : all) {
    EXPECT_FALSE(command.options.empty()) << command.text();
    for (const Listed& option : command.options) {
      const Words* row = row_of(command, option.name);
      ASSERT_NE(row, nullptr) << "no row for " << command.text() << " " << option.name;
      EXPECT_EQ(option.takes_value, !row->empty()) << command.text() << " " << option.name;
      used.insert(option.name);
      used.insert(command.text() + " " + option.name);
    }
    for (const std::string& name : command.positionals) {
      EXPECT_TRUE(bad_values().contains(command.text() + " " + name)) << command.text() << " " << name;
      used.insert(command.text() + " " + name);
    }
  }
  for (const auto& [key, unused] : bad_values()) EXPECT_TRUE(used.contains(key)) << key << " is in no help";
}

TEST_F(OptionTableTest, EveryValueOfTheTableIsRefusedByName) {
  for (const Command& command : commands()) {
    for (const Listed& option : command.options) {
      const Words* row = row_of(command, option.name);
      if (row == nullptr) continue;  // which fails in the test above
      for (const std::string& value : *row) {
        const bool attached = value.starts_with('-') && option.name.size() > 2;
        const Words given = attached ? Words{option.name + "=" + value} : Words{option.name, value};
        expect_refused(with(right_line(command, option.name), given), option.name);
      }
    }
    for (const std::string& name : command.positionals) {
      for (const std::string& value : bad_values().at(command.text() + " " + name)) {
        const bool quoted = !value.empty() && value.size() <= 60;
        expect_refused(with(right_line(command, name), {value}), quoted ? value : value.empty() ? name : "");
      }
    }
  }
}

TEST_F(OptionTableTest, EveryOptionRefusesAMissingAndASecondValue) {
  for (const Command& command : commands()) {
    for (const Listed& option : command.options) {
      if (option.name == "--help" || option.name == "--version") continue;
      const Words line = right_line(command, option.name);
      if (option.takes_value) {
        expect_refused(with(line, {option.name}), option.name);
        expect_refused(with(line, {option.name, "1", option.name, "1"}), option.name);
      } else {
        expect_refused(with(line, {option.name + "=maybe"}), option.name);
      }
    }
    for (const std::string& name : command.positionals) expect_refused(right_line(command, name), name);
    const Words line = right_line(command, "");
    expect_refused(with(line, {"--surplus"}), "--surplus");
    expect_refused(with(line, {"--surplus=1"}), "--surplus");
    const bool takes_several = command.text() == "import" || command.text() == "lint" || command.text() == "compare";
    if (!takes_several) expect_refused(with(line, {"surplus"}), "surplus");
  }
}

}  // namespace
}  // namespace moetune::cli
