#include "cli/table.hpp"

#include <algorithm>

namespace moetune::cli {
namespace {

constexpr std::size_t k_gap = 2;
constexpr std::size_t k_least_last = 8;

}  // namespace

void Table::add(std::vector<Cell> cells) {
  for (Cell& cell : cells) cell.text = printable(cell.text);
  rows_.push_back(std::move(cells));
}

std::vector<std::size_t> Table::widths(std::size_t limit) const {
  std::vector<std::size_t> widths;
  std::size_t before_last = 0;
  for (std::size_t column = 0; column < columns_.size(); ++column) {
    std::size_t width = width_of(columns_[column].heading);
    for (const auto& row : rows_) width = std::max(width, width_of(row[column].text));
    widths.push_back(width);
    if (column + 1 < columns_.size()) before_last += width + k_gap;
  }
  if (limit == 0 || before_last + widths.back() <= limit) return widths;
  if (widths.size() > 1 && before_last + k_least_last > limit) {
    widths.pop_back();
  } else {
    widths.back() = std::max(limit, before_last + k_least_last) - before_last;
  }
  return widths;
}

std::vector<std::string> Table::lines(const TerminalTraits& traits, std::size_t columns) const {
  const Paint paint(traits.color);
  const auto widths = this->widths(columns);
  const auto render = [&](const auto& text_of, const auto& tone_of) {
    std::string line;
    for (std::size_t column = 0; column < widths.size(); ++column) {
      const std::string text = shortened(text_of(column), widths[column], traits.unicode);
      const std::string space(widths[column] - std::min(widths[column], width_of(text)), ' ');
      if (column > 0) line += std::string(k_gap, ' ');
      if (columns_[column].align == Align::right) line += space;
      line += paint(tone_of(column), text);
      if (columns_[column].align == Align::left && column + 1 < widths.size()) line += space;
    }
    line.erase(line.find_last_not_of(' ') + 1);
    return line;
  };
  std::vector<std::string> lines;
  lines.push_back(render([&](std::size_t i) { return columns_[i].heading; }, [](std::size_t) { return Tone::strong; }));
  for (const auto& row : rows_) {
    lines.push_back(render([&](std::size_t i) { return row[i].text; }, [&](std::size_t i) { return row[i].tone; }));
  }
  return lines;
}

}  // namespace moetune::cli
