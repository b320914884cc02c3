#include "cli/table.hpp"

#include <algorithm>
#include <utility>

namespace moetune::cli {
namespace {

constexpr std::size_t k_gap = 2;
constexpr std::size_t k_least_last = 20;
constexpr std::size_t k_indent = 4;  // of what stands below its row

}  // namespace

void Table::add(std::vector<Cell> cells) {
  for (Cell& cell : cells) cell.text = printable(cell.text);
  rows_.push_back(std::move(cells));
}

std::vector<std::size_t> Table::widths() const {
  std::vector<std::size_t> widths;
  for (std::size_t column = 0; column < columns_.size(); ++column) {
    std::size_t width = width_of(columns_[column].heading);
    for (const auto& row : rows_) width = std::max(width, width_of(row[column].text));
    widths.push_back(width);
  }
  return widths;
}

Table::Layout Table::layout(std::size_t limit) const {
  Layout layout{.widths = widths(), .indent = 0, .room = 0, .below = false};
  for (std::size_t column = 0; column + 1 < layout.widths.size(); ++column)
    layout.indent += layout.widths[column] + k_gap;
  const std::size_t last = layout.widths.back();
  layout.room = last;
  if (limit == 0 || layout.indent + last <= limit) return layout;
  const bool is_narrow = layout.indent > limit / 2 && layout.indent + last * 2 / 3 > limit;
  layout.below = is_narrow || layout.indent + std::min(last, k_least_last) > limit;
  if (layout.below) layout.indent = k_indent;
  layout.room = std::max(limit, layout.indent + k_least_last) - layout.indent;
  return layout;
}

void Table::render(const Layout& layout, const std::vector<Cell>& cells, const Paint& paint,
                   std::vector<std::string>& lines) const {
  const auto painted = [&](const Cell& cell, const std::string& text) {
    return text.empty() ? "" : paint(cell.tone, text);
  };
  const std::size_t last = cells.size() - 1;
  std::string line;
  for (std::size_t column = 0; column < last; ++column) {
    const std::string& text = cells[column].text;
    const std::string space(layout.widths[column] - width_of(text), ' ');
    const bool to_the_right = columns_[column].align == Align::right;
    line += to_the_right ? space + painted(cells[column], text) : painted(cells[column], text) + space;
    line += std::string(k_gap, ' ');
  }
  const Cell& end = cells[last];
  const bool is_whole = width_of(end.text) <= layout.room;
  const auto parts = is_whole ? std::vector{end.text} : wrapped(split(end.text, ' '), " ", layout.room);
  if (layout.below) lines.push_back(std::exchange(line, std::string(layout.indent, ' ')));
  for (const std::string& part : parts) {
    const bool to_the_right = columns_[last].align == Align::right && width_of(part) < layout.room;
    if (to_the_right) line += std::string(layout.room - width_of(part), ' ');
    lines.push_back(std::exchange(line, std::string(layout.indent, ' ')) + painted(end, part));
  }
}

std::vector<std::string> Table::lines(const TerminalTraits& traits, std::size_t columns) const {
  const Paint paint(traits.color);
  const Layout layout = this->layout(columns);
  std::vector<std::string> lines;
  std::vector<Cell> headings;
  for (const Column& column : columns_) headings.emplace_back(column.heading, Tone::strong);
  render(layout, headings, paint, lines);
  for (const auto& row : rows_) render(layout, row, paint, lines);
  for (std::string& line : lines) line.erase(line.find_last_not_of(' ') + 1);
  std::erase(lines, "");
  return lines;
}

}  // namespace moetune::cli
