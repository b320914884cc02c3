#include "tests/cli/app_fixture.hpp"

namespace moetune::cli {

Ended AppTest::run_with(const std::vector<std::string>& arguments) const {
  StringOutput out;
  StringOutput err;
  const auto size = [] { return TerminalSize(); };
  const std::string home = folder_.path().string();
  const Environment environment = [home](const char* name) -> std::optional<std::string> {
    return std::string_view(name) == "HOME" ? std::optional(home) : std::nullopt;
  };
  const Surroundings surroundings{.out = out,
                                  .err = err,
                                  .environment = environment,
                                  .out_traits = {},
                                  .err_traits = {},
                                  .out_size = size,
                                  .err_size = size,
                                  .default_url = "http://127.0.0.1:1",
                                  .daemon_executable = folder_.path() / "moetuned"};
  const auto status = run(arguments, surroundings);
  return {status, out.text(), err.text()};
}

}  // namespace moetune::cli
