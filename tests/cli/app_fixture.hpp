#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "cli/app.hpp"
#include "tests/cli/program.hpp"

namespace moetune::cli {

/// What a command line printed and how it ended.
struct Ended {
  ExitStatus status;
  std::string out;
  std::string err;
};

/// Runs command lines where there is no daemon and none can be started.
class AppTest : public testing::Test {
 protected:
  Ended run_with(const std::vector<std::string>& arguments) const;

  TemporaryFolder folder_;
};

}  // namespace moetune::cli
