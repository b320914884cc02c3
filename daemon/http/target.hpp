#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "schema/error.hpp"

namespace moetune::daemon::http {

/// The decoded query of a request, each name once, in the order given.
class Query {
 public:
  std::optional<std::string_view> get(std::string_view name) const;
  const std::vector<std::pair<std::string, std::string>>& all() const { return all_; }
  /// False when the name is there already.
  bool add(std::string name, std::string value);

 private:
  std::vector<std::pair<std::string, std::string>> all_;
};

/// A request target taken apart: "/sweeps/7/events?a=b" has the segments sweeps, 7, events.
struct Target {
  std::vector<std::string> segments;  ///< decoded; a trailing slash gives an empty last segment
  Query query;
};

/// Strict: percent signs are followed by two hex digits, the decoded text is UTF-8 without control characters, no
/// parameter comes twice. Errors: invalid_argument naming the culprit.
schema::Result<Target> target_from_text(std::string_view text);

/// True for well-formed UTF-8: no overlong forms, no surrogates, nothing above U+10FFFF.
bool is_utf8(std::string_view text);

}  // namespace moetune::daemon::http
