#include "cli/progress_frame.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "cli/format.hpp"
#include "cli/text.hpp"

namespace moetune::cli {
namespace {

using schema::SweepState;

constexpr std::size_t k_column_gap = 4;
constexpr std::size_t k_widest_bar = 60;
constexpr std::size_t k_least_bar = 10;

struct Count {
  std::string name;
  std::int64_t value = 0;
  Tone tone = Tone::plain;
};

Tone tone_of(SweepState state) {
  switch (state) {
    case SweepState::queued:
    case SweepState::paused:
    case SweepState::cancelled:
      return Tone::warning;
    case SweepState::running:
      return Tone::accent;
    case SweepState::done:
      return Tone::good;
    case SweepState::failed:
      return Tone::bad;
  }
  return Tone::plain;
}

std::vector<Count> trial_counts(const SweepStatus& status) {
  std::vector<Count> counts;
  for (const auto& [name, value] : status.by_status) {
    // A tile that cannot fit is part of every space; the others are worth a look.
    const Tone tone = name == "ok" ? Tone::good : name == "out_of_resources" ? Tone::faint : Tone::bad;
    counts.push_back({name, value, tone});
  }
  if (status.not_recorded > 0) counts.push_back({"not_recorded", status.not_recorded, Tone::faint});
  return counts;
}

/// Nothing for a recording whose kernels are not compiled.
std::vector<Count> compile_counts(const SweepStatus& status) {
  if (status.compiles_done + status.compiles_cached + status.compiles_failed == 0) return {};
  return {{"compiled", status.compiles_done, Tone::plain},
          {"cached", status.compiles_cached, Tone::plain},
          {"failed to compile", status.compiles_failed, status.compiles_failed > 0 ? Tone::bad : Tone::plain}};
}

std::string bar(double share, std::size_t columns, const TerminalTraits& traits) {
  const Paint paint(traits.color);
  const double cells = std::clamp(share, 0.0, 1.0) * static_cast<double>(columns);
  auto full = static_cast<std::size_t>(cells);
  const bool half = full < columns && cells - std::floor(cells) >= 0.5;
  const std::size_t rest = columns - full - (half ? 1 : 0);
  const auto repeated = [](std::string_view piece, std::size_t count) {
    std::string text;
    for (; count > 0; --count) text += piece;
    return text;
  };
  if (!traits.unicode) return "[" + std::string(full, '#') + (half ? "-" : "") + std::string(rest, ' ') + "]";
  return paint(Tone::accent, repeated("━", full) + (half ? "╸" : "")) + paint(Tone::faint, repeated("─", rest));
}

std::string heading(const SweepStatus& status, const FrameView& view, std::size_t width) {
  const Paint paint(view.traits.color);
  const std::string name = fmt::format("sweep {}", status.id);
  const std::string state(schema::name_of(status.state));
  std::string about = view.note;
  if (about.empty()) about = problem_text(status.spec) + "  kernel " + status.spec.value("kernel", std::string("-"));
  const std::size_t used = name.size() + state.size() + 4;
  if (width <= used) return shortened(fmt::format("{}  {}", name, state), width, view.traits.unicode);
  about = shortened(printable(about), width - used, view.traits.unicode);
  return fmt::format("{}  {}  {}", paint(Tone::strong, name), paint(tone_of(status.state), state),
                     view.note.empty() ? about : paint(Tone::warning, about));
}

/// "52%  2995/5760  31.2 trials/s  ETA 1m28s", "scan 52%  ..." while the finalists are not known yet; `rate_unit` is
/// what narrow terminals save on.
std::string progress_facts(const SweepStatus& status, const FrameView& view, std::string_view rate_unit) {
  if (status.total == 0) return "no trials planned yet";
  const bool scanning = status.phase == schema::SweepPhase::scan && !is_final(status.state);
  std::string facts = fmt::format("{}{}  {}/{}", scanning ? "scan " : "", percent_text(status.done, status.total),
                                  status.done, status.total);
  if (status.state != SweepState::running) return facts;
  return facts + fmt::format("  {}{}  ETA {}", rate_text(view.rate), rate_unit, duration_text(status.eta_s));
}

std::string bar_line(const SweepStatus& status, const FrameView& view, std::size_t width) {
  const std::size_t edges = view.traits.unicode ? 0 : 2;
  const auto room_beside = [&](const std::string& facts) {
    const std::size_t used = width_of(facts) + 2 + edges;
    return width > used ? width - used : 0;
  };
  std::string facts = progress_facts(status, view, " trials/s");
  if (room_beside(facts) < k_least_bar) facts = progress_facts(status, view, "/s");
  if (room_beside(facts) < k_least_bar) return shortened(facts, width, view.traits.unicode);
  const double share = status.total > 0 ? static_cast<double>(status.done) / static_cast<double>(status.total) : 0;
  return bar(share, std::min(room_beside(facts), k_widest_bar), view.traits) + "  " + facts;
}

std::vector<std::string> count_lines(const std::vector<Count>& counts, const FrameView& view, std::size_t width) {
  const Paint paint(view.traits.color);
  std::vector<std::string> words;
  for (const Count& count : counts) {
    const std::string word = fmt::format("{} {}", count.name, count.value);
    words.push_back(paint(count.tone, shortened(word, width, view.traits.unicode)));
  }
  return wrapped(words, "  ", width);
}

/// The columns that configurations get of `room`: GEMM 1's tile is shown whole, GEMM 2's own as far as there is room.
std::size_t config_columns(const SweepStatus& status, std::size_t room) {
  std::size_t least = 11;
  std::size_t most = least;
  for (const auto& [batch, best] : status.best) {
    if (!best.config) continue;
    const std::size_t ellipsis = best.config->down ? 2 : 0;
    least = std::max(least, schema::short_text(up_tile(*best.config)).size() + ellipsis);
    most = std::max({most, least, schema::short_text(*best.config).size()});
  }
  return std::clamp(room, least, most);
}

/// The best rows as columns of equal width, heading first.
std::vector<std::string> best_cells(const SweepStatus& status, const FrameView& view, std::size_t width) {
  constexpr std::size_t k_other_columns = 28;
  const Paint paint(view.traits.color);
  const std::size_t config_width = config_columns(status, width > k_other_columns ? width - k_other_columns : 0);
  const auto cell = [&](const std::string& batch, const std::string& config, const std::string& us) {
    return padded(batch, 5, Align::right) + "  " + padded(config, config_width, Align::left) + "  " +
           padded(us, 9, Align::right) + "  ";
  };
  std::vector<std::string> cells = {
      paint(Tone::strong, cell("batch", "best so far", "us") + padded("speedup", 8, Align::right))};
  for (const auto& [batch, best] : status.best) {
    if (!best.config) continue;
    const Tone tone = best.speedup && *best.speedup > 1 ? Tone::good : Tone::plain;
    const auto config = shortened(schema::short_text(*best.config), config_width, view.traits.unicode);
    cells.push_back(cell(std::to_string(batch), config, microseconds_text(best.latency_us)) +
                    paint(tone, padded(speedup_text(best.speedup), 8, Align::right)));
  }
  return cells;
}

/// Lays the cells out in as many columns as are needed and fit; says how many are left out.
std::vector<std::string> best_lines(const SweepStatus& status, const FrameView& view, std::size_t width,
                                    std::size_t rows) {
  const auto cells = best_cells(status, view, width);
  if (cells.size() < 2 || rows < 2 || width_of(cells[0]) > width) return {};
  const std::size_t batches = cells.size() - 1;
  const std::size_t fitting = (width + k_column_gap) / (width_of(cells[0]) + k_column_gap);
  const std::size_t columns = std::min(fitting, (batches + rows - 2) / (rows - 1));
  std::size_t depth = (batches + columns - 1) / columns;
  const bool cut = depth + 1 > rows;
  if (cut) depth = rows - 2;  // the last line tells how many are missing
  std::vector<std::string> lines(depth + 1);
  for (std::size_t column = 0; column < columns; ++column) {
    const std::string gap(column > 0 ? k_column_gap : 0, ' ');
    lines[0] += gap + cells[0];
    for (std::size_t row = 0; row < depth && column * depth + row < batches; ++row) {
      lines[row + 1] += gap + cells[1 + column * depth + row];
    }
  }
  const std::size_t shown = std::min(batches, columns * depth);
  if (cut) lines.push_back(Paint(view.traits.color)(Tone::faint, fmt::format("  and {} more", batches - shown)));
  return lines;
}

}  // namespace

std::vector<std::string> summary_frame(const SweepStatus& status, const FrameView& view) {
  const std::size_t width = view.size.columns > 1 ? view.size.columns - 1 : 1;
  std::vector<std::string> lines = {heading(status, view, width), bar_line(status, view, width)};
  for (auto& line : count_lines(trial_counts(status), view, width)) lines.push_back(std::move(line));
  for (auto& line : count_lines(compile_counts(status), view, width)) lines.push_back(std::move(line));
  return lines;
}

std::vector<std::string> progress_frame(const SweepStatus& status, const FrameView& view) {
  const std::size_t width = view.size.columns > 1 ? view.size.columns - 1 : 1;
  const std::size_t rows = view.size.rows > 1 ? view.size.rows - 1 : 1;
  auto lines = summary_frame(status, view);
  if (lines.size() > rows) lines.resize(rows);
  for (auto& line : best_lines(status, view, width, rows - lines.size())) lines.push_back(std::move(line));
  return lines;
}

std::string progress_line(const SweepStatus& status, std::optional<double> rate) {
  const bool scanning = status.phase == schema::SweepPhase::scan && status.state == SweepState::running;
  std::string line = fmt::format("sweep {}: {}", status.id, scanning ? "scanning" : schema::name_of(status.state));
  if (status.total > 0) {
    line += fmt::format(", {}/{} ({})", status.done, status.total, percent_text(status.done, status.total));
  }
  if (status.state == SweepState::running) {
    line += fmt::format(", {} trials/s, ETA {}", rate_text(rate), duration_text(status.eta_s));
  }
  const auto append = [&](const std::vector<Count>& counts) {
    std::string text;
    for (const Count& count : counts)
      text += fmt::format("{}{} {}", text.empty() ? "; " : ", ", count.name, count.value);
    line += text;
  };
  append(trial_counts(status));
  append(compile_counts(status));
  return line;
}

}  // namespace moetune::cli
