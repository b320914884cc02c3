#include "cli/text.hpp"

#include <algorithm>
#include <utility>

namespace moetune::cli {
namespace {

bool is_continuation(char c) {
  return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
}
bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
}

std::string cleaned(std::string_view text, bool keep_line_ends) {
  std::string clean;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const bool c1_control = byte == 0xC2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xA0;
    if (c1_control) ++i;
    const bool harmless = !c1_control && (!is_control(text[i]) || (keep_line_ends && text[i] == '\n'));
    clean += harmless ? text[i] : ' ';
  }
  return clean;
}

}  // namespace

std::size_t width_of(std::string_view text) {
  std::size_t columns = 0;
  bool in_escape = false;
  for (const char c : text) {
    if (c == '\x1b') {
      in_escape = true;
    } else if (in_escape) {
      in_escape = c != 'm';
    } else if (!is_continuation(c)) {
      ++columns;
    }
  }
  return columns;
}

std::string shortened(std::string_view text, std::size_t columns, bool unicode) {
  if (width_of(text) <= columns) return std::string(text);
  if (columns == 0) return "";
  std::string cut;
  std::size_t used = 0;
  for (const char c : text) {
    if (!is_continuation(c) && ++used == columns) break;
    cut += c;
  }
  return cut + (unicode ? "…" : ".");
}

std::string padded(std::string_view text, std::size_t columns, Align align) {
  const std::size_t width = width_of(text);
  const std::string space(columns > width ? columns - width : 0, ' ');
  return align == Align::left ? std::string(text) + space : space + std::string(text);
}

std::string printable(std::string_view text) {
  return cleaned(text, false);
}
std::string printable_lines(std::string_view text) {
  return cleaned(text, true);
}

std::string shell_word(std::string_view text) {
  constexpr std::string_view k_safe = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=+,.:/@%";
  if (!text.empty() && text.find_first_not_of(k_safe) == std::string_view::npos) return std::string(text);
  std::string quoted = "'";
  for (const char c : text) {
    if (c == '\'') {
      quoted += "'\\''";
    } else {
      quoted += c;
    }
  }
  return quoted + "'";
}

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (true) {
    const auto end = text.find(separator);
    parts.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::vector<std::string> wrapped(const std::vector<std::string>& words, std::string_view gap, std::size_t columns) {
  std::vector<std::string> lines;
  for (const std::string& word : words) {
    if (!lines.empty() && width_of(lines.back()) + width_of(gap) + width_of(word) <= columns) {
      lines.back() += gap;
      lines.back() += word;
    } else {
      lines.push_back(word);
    }
  }
  return lines;
}

namespace {

std::vector<std::string> filled_sentence(std::string_view text, std::size_t columns) {
  constexpr std::size_t k_further = 2;
  if (columns == 0 || width_of(text) <= columns) return {std::string(text)};
  const auto indent = std::min(text.find_first_not_of(' '), text.size());
  std::vector<std::string> lines;
  std::string line(indent, ' ');
  bool is_new = true;
  for (const std::string& word : split(text.substr(indent), ' ')) {
    if (!is_new && width_of(line) + 1 + width_of(word) > columns) {
      line.erase(line.find_last_not_of(' ') + 1);  // where two blanks stood
      lines.push_back(std::exchange(line, std::string(indent + k_further, ' ')));
      is_new = true;
    }
    if (!std::exchange(is_new, false)) line += ' ';
    line += word;
  }
  lines.push_back(std::move(line));
  return lines;
}

}  // namespace

std::vector<std::string> filled(std::string_view text, std::size_t columns) {
  std::vector<std::string> lines;
  for (const std::string& sentence : split(text, '\n')) {
    for (auto& line : filled_sentence(sentence, columns)) lines.push_back(std::move(line));
  }
  return lines;
}

}  // namespace moetune::cli
