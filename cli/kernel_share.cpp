#include "cli/kernel_share.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <charconv>

namespace moetune::cli {

using schema::ErrorCode;
using schema::fail;
using schema::Result;

void KernelShare::add_to(CLI::App& command) {
  command
      .add_option("--kernel-share", text_,
                  "the share of a step's time that this kernel takes, e.g. 0.35: tells what a whole step gains")
      ->type_name("SHARE");
}

Result<void> KernelShare::put(Query& query) const {
  if (text_.empty()) return {};
  double share = 0;
  const char* end = text_.data() + text_.size();
  const auto [rest, error] = std::from_chars(text_.data(), end, share);
  if (error != std::errc() || rest != end || !(share > 0 && share <= 1)) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("--kernel-share must be a number over 0 and at most 1 (35 % is 0.35), not \"{}\"", text_));
  }
  query.add("kernel_share", text_);
  return {};
}

}  // namespace moetune::cli
