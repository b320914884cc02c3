#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "cli/sweep_status.hpp"
#include "cli/terminal.hpp"

namespace moetune::cli {

/// Beside the sweep itself, what a picture of it needs.
struct FrameView {
  TerminalSize size;
  TerminalTraits traits;
  std::optional<double> rate;  ///< trials per second lately
  std::string note;            ///< one line in place of the rest of the heading, e.g. that the connection is lost
};

/// The live picture of a sweep: heading, bar with percent, rate and ETA, counts by status, compiles, and the best so
/// far of each batch; at most size.rows - 1 lines, none wider than size.columns - 1, so that nothing wraps or scrolls.
std::vector<std::string> progress_frame(const SweepStatus& status, const FrameView& view);

/// The same without the best rows, for what stays on the screen at the end.
std::vector<std::string> summary_frame(const SweepStatus& status, const FrameView& view);

/// One plain line: "sweep 3: 2995/5760 (52%), 31.2 trials/s, ETA 1m28s; ok 2841, ...; compiled 300, cached 12".
std::string progress_line(const SweepStatus& status, std::optional<double> rate);

}  // namespace moetune::cli
