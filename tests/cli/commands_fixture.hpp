#pragma once

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/app.hpp"
#include "tests/cli/fake_daemon.hpp"
#include "tests/cli/program.hpp"

namespace moetune::cli {

/// Runs command lines that speak with a fake daemon, and catches what they print.
class CommandsTest : public testing::Test {
 protected:
  ExitStatus run_with(std::vector<std::string> arguments);
  const std::string& out() const { return out_.text(); }
  const std::string& err() const { return err_.text(); }

  void serve_sweep(const nlohmann::ordered_json& sweep) { daemon_.on("GET /sweeps/3", {.body = sweep.dump()}); }
  std::vector<std::string> tune(std::vector<std::string> more = {}) const {
    std::vector<std::string> words = {"tune", "-E", "256", "-N", "512", "--hidden-size", "2048", "--topk", "8"};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }

  TerminalTraits traits_;  ///< of a pipe, unless told otherwise
  TerminalSize size_;      ///< of both outputs
  FakeDaemon daemon_;
  TemporaryFolder folder_;
  StringOutput out_;
  StringOutput err_;
};

}  // namespace moetune::cli
