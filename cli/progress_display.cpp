#include "cli/progress_display.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "cli/text.hpp"

namespace moetune::cli {
namespace {

constexpr std::chrono::milliseconds k_frame_time{100};
constexpr std::chrono::seconds k_silence{60};
// Terminals that know synchronized updates show a frame at once; others ignore the two marks.
constexpr std::string_view k_begin_frame = "\x1b[?2026h";
constexpr std::string_view k_end_frame = "\x1b[?2026l";
constexpr std::string_view k_hide_cursor = "\x1b[?25l";
constexpr std::string_view k_show_cursor = "\x1b[?25h";
constexpr std::string_view k_clear_line_end = "\x1b[K";
constexpr std::string_view k_clear_below = "\x1b[J";

}  // namespace

LiveDisplay::LiveDisplay(Output& output, TerminalTraits traits, SizeSource size)
    : output_(output), traits_(traits), size_source_(std::move(size)), size_(size_source_()) {}

LiveDisplay::~LiveDisplay() {
  leave();
}

void LiveDisplay::show(const SweepStatus& status, const std::string& note, Clock::time_point now) {
  rate_.add(now, status.done);
  if (!drawn_.empty() && now - last_draw_ < k_frame_time) return;
  auto lines = progress_frame(status, FrameView{size_, traits_, rate_.per_second(now), note});
  if (lines == drawn_) return;
  last_draw_ = now;
  draw(std::move(lines));
}

/// Rows that the block takes on the terminal, whose lines may be wrapped since the width changed.
std::size_t LiveDisplay::drawn_rows() const {
  std::size_t rows = 0;
  const std::size_t columns = std::max<std::size_t>(size_.columns, 1);
  for (const std::string& line : drawn_) rows += std::max<std::size_t>(1, (width_of(line) + columns - 1) / columns);
  return rows;
}

void LiveDisplay::draw(std::vector<std::string> lines) {
  std::string frame(k_begin_frame);
  if (!cursor_hidden_) frame += k_hide_cursor;
  cursor_hidden_ = true;
  if (const auto rows = drawn_rows(); rows > 0) frame += fmt::format("\x1b[{}A", rows);
  frame += '\r';
  for (const std::string& line : lines) {
    frame += line;
    frame += k_clear_line_end;
    frame += '\n';
  }
  frame += k_clear_below;
  frame += k_end_frame;
  output_.write(frame);
  drawn_ = std::move(lines);
}

void LiveDisplay::resized() {
  size_ = size_source_();
  std::string frame;
  if (const auto rows = drawn_rows(); rows > 0) frame = fmt::format("\x1b[{}A", rows);
  frame += '\r';
  frame += k_clear_below;
  output_.write(frame);
  drawn_.clear();
}

void LiveDisplay::leave() {
  if (cursor_hidden_) output_.write(k_show_cursor);
  cursor_hidden_ = false;
  drawn_.clear();
}

void LiveDisplay::finish(const SweepStatus& status, Clock::time_point now) {
  draw(summary_frame(status, FrameView{size_, traits_, rate_.per_second(now), ""}));
  leave();
}

void PlainDisplay::show(const SweepStatus& status, const std::string& note, Clock::time_point now) {
  rate_.add(now, status.done);
  if (note != last_note_ && !note.empty()) output_.line(fmt::format("sweep {}: {}", status.id, printable(note)));
  last_note_ = note;
  const bool news = status.done != last_done_;
  const auto waited = now - last_line_;
  if (status.state == last_state_ && !(news && waited >= interval_) && waited < k_silence) return;
  output_.line(progress_line(status, rate_.per_second(now)));
  last_line_ = now;
  last_state_ = status.state;
  last_done_ = status.done;
}

void PlainDisplay::finish(const SweepStatus& status, Clock::time_point now) {
  if (status.state != last_state_ || status.done != last_done_)
    output_.line(progress_line(status, rate_.per_second(now)));
}

std::unique_ptr<ProgressDisplay> make_progress_display(Output& output, const TerminalTraits& traits,
                                                       LiveDisplay::SizeSource size) {
  if (traits.interactive) return std::make_unique<LiveDisplay>(output, traits, std::move(size));
  return std::make_unique<PlainDisplay>(output);
}

}  // namespace moetune::cli
