#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace moetune::cli {

/// Percent-encodes everything but unreserved characters, commas and colons, which a query may hold as they are.
std::string url_encoded(std::string_view text);

/// The parameters of a request, in the order they were added.
class Query {
 public:
  void add(std::string name, std::string value) { pairs_.emplace_back(std::move(name), std::move(value)); }
  bool empty() const { return pairs_.empty(); }
  /// "?a=1&b=2", or nothing when empty.
  std::string text() const;

 private:
  std::vector<std::pair<std::string, std::string>> pairs_;
};

}  // namespace moetune::cli
