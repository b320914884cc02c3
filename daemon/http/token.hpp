#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "schema/error.hpp"

namespace moetune::daemon::http {

/// The secret that clients show as "Authorization: Bearer TOKEN". A plain value.
class Token {
 public:
  /// The file holds the token in one line: letters, digits and -._~+/=. Errors: not_found; invalid_argument when others
  /// than its owner may read or write the file, or the token is empty, too long or has other characters; io.
  static schema::Result<Token> read(const std::filesystem::path& file);

  /// Compares with an Authorization header in a time that does not depend on the token.
  bool admits(std::string_view authorization) const;

 private:
  explicit Token(std::string secret) : secret_(std::move(secret)) {}
  std::string secret_;
};

}  // namespace moetune::daemon::http
