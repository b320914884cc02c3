#include "tests/cli/commands_fixture.hpp"

#include <optional>
#include <string_view>

namespace moetune::cli {

ExitStatus CommandsTest::run_with(std::vector<std::string> arguments) {
  out_ = StringOutput();
  err_ = StringOutput();
  arguments.insert(arguments.end(), {"--server", daemon_.url()});
  const auto size = [this] { return size_; };
  const Environment environment = [](const char* name) -> std::optional<std::string> {
    return std::string_view(name) == "HOME" ? std::optional<std::string>("/nowhere") : std::nullopt;
  };
  const Surroundings surroundings{.out = out_,
                                  .err = err_,
                                  .environment = environment,
                                  .out_traits = traits_,
                                  .err_traits = traits_,
                                  .out_size = size,
                                  .err_size = size,
                                  .daemon_executable = "no-such"};
  return run(arguments, surroundings);
}

}  // namespace moetune::cli
