#include "cli/readable.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace moetune::cli {
namespace {

TEST(ReadableTest, AlignsNamesAndIndentsWhatIsInside) {
  const auto object = nlohmann::ordered_json::parse(
      R"({"folder": "/cache", "writable": true, "bytes": 12897485, "outcome": {"registers": 168, "log_tail": null},
          "hit_rates": [1, 2]})");
  EXPECT_THAT(readable_lines(object),
              testing::ElementsAre("folder     /cache", "writable   yes", "bytes      12.3 MiB", "outcome",
                                   "  registers  168", "  log tail   -", "hit rates  [1,2]"));
}

}  // namespace
}  // namespace moetune::cli
