#pragma once

#include <concepts>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/terminal.hpp"
#include "cli/text.hpp"

namespace moetune::cli {

/// Rows of text in aligned columns under a heading. Nothing is cut: what does not fit in the last column goes on below
/// itself, and where too little space is left for that column, it stands below its row.
class Table {
 public:
  struct Column {
    std::string heading;
    Align align = Align::left;
  };
  struct Cell {
    std::string text;
    Tone tone = Tone::plain;
    /// Implicit, so that a row reads as a list of texts.
    template <std::convertible_to<std::string> Text>
    Cell(Text&& content, Tone meaning = Tone::plain)  // NOLINT(google-explicit-constructor)
        : text(std::forward<Text>(content)), tone(meaning) {}
  };

  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}
  /// Precondition: as many cells as there are columns.
  void add(std::vector<Cell> cells);
  bool empty() const { return rows_.empty(); }
  /// Whether no cell of the last column has to stand below its row; `columns` as of lines().
  bool is_beside(std::size_t columns) const { return !layout(columns).below; }
  /// Lines without line ends and without trailing blanks. `columns`: the terminal's width, 0 for no limit.
  std::vector<std::string> lines(const TerminalTraits& traits, std::size_t columns) const;

 private:
  struct Layout {
    std::vector<std::size_t> widths;
    std::size_t indent;  ///< of the last column
    std::size_t room;    ///< its width
    bool below;          ///< it stands below its row
  };
  std::vector<std::size_t> widths() const;
  Layout layout(std::size_t limit) const;
  void render(const Layout& layout, const std::vector<Cell>& cells, const Paint& paint,
              std::vector<std::string>& lines) const;

  std::vector<Column> columns_;
  std::vector<std::vector<Cell>> rows_;
};

}  // namespace moetune::cli
