#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cli/output.hpp"
#include "cli/progress_frame.hpp"
#include "cli/rate_meter.hpp"
#include "cli/sweep_status.hpp"
#include "cli/terminal.hpp"

namespace moetune::cli {

/// Shows a sweep while it runs. Not thread-safe.
class ProgressDisplay {
 public:
  using Clock = std::chrono::steady_clock;
  virtual ~ProgressDisplay() = default;
  /// Called often; decides itself what is worth printing. `note`: something that the person should know, e.g. that the
  /// connection is lost; empty when there is nothing.
  virtual void show(const SweepStatus& status, const std::string& note, Clock::time_point now) = 0;
  /// The terminal was resized.
  virtual void resized() {}
  /// Others print now (the process is about to be stopped): leaves the terminal as it found it.
  virtual void leave() {}
  /// The last picture, which stays.
  virtual void finish(const SweepStatus& status, Clock::time_point now) = 0;
};

/// A block of lines on a terminal that is redrawn in place, without a cursor while it lives.
class LiveDisplay : public ProgressDisplay {
 public:
  using SizeSource = std::function<TerminalSize()>;
  LiveDisplay(Output& output, TerminalTraits traits, SizeSource size);
  ~LiveDisplay() override;
  void show(const SweepStatus& status, const std::string& note, Clock::time_point now) override;
  void resized() override;
  void leave() override;
  void finish(const SweepStatus& status, Clock::time_point now) override;

 private:
  void draw(std::vector<std::string> lines);
  std::size_t drawn_rows() const;

  Output& output_;
  TerminalTraits traits_;
  SizeSource size_source_;
  TerminalSize size_;
  RateMeter rate_;
  Clock::time_point last_draw_{};
  std::vector<std::string> drawn_;
  bool cursor_hidden_ = false;
};

/// Lines for a log: one at once, then every few seconds while there is news, and one when the state changes.
class PlainDisplay : public ProgressDisplay {
 public:
  explicit PlainDisplay(Output& output, std::chrono::milliseconds interval = std::chrono::seconds(5))
      : output_(output), interval_(interval) {}
  void show(const SweepStatus& status, const std::string& note, Clock::time_point now) override;
  void finish(const SweepStatus& status, Clock::time_point now) override;

 private:
  Output& output_;
  std::chrono::milliseconds interval_;
  RateMeter rate_;
  Clock::time_point last_line_{};
  std::string last_note_;
  std::optional<schema::SweepState> last_state_;
  std::int64_t last_done_ = -1;
};

/// The display that fits what `output` leads to.
std::unique_ptr<ProgressDisplay> make_progress_display(Output& output, const TerminalTraits& traits,
                                                       LiveDisplay::SizeSource size);

}  // namespace moetune::cli
