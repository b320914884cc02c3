#include "cli/query.hpp"

#include <fmt/format.h>

namespace moetune::cli {

std::string url_encoded(std::string_view text) {
  constexpr std::string_view k_plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.~,:";
  std::string encoded;
  for (const char c : text) {
    if (k_plain.find(c) != std::string_view::npos) {
      encoded += c;
    } else {
      encoded += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return encoded;
}

std::string Query::text() const {
  std::string text;
  for (const auto& [name, value] : pairs_) {
    text += fmt::format("{}{}={}", text.empty() ? '?' : '&', url_encoded(name), url_encoded(value));
  }
  return text;
}

}  // namespace moetune::cli
