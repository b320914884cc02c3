#include "daemon/http/token.hpp"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <strings.h>
#include <sys/stat.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>

#include "kernels/atomic_file.hpp"
#include "kernels/sha256.hpp"

namespace moetune::daemon::http {

using schema::ErrorCode;
using schema::fail;
using schema::Result;

namespace {

constexpr std::size_t k_max_bytes = 4096;

bool is_token_character(unsigned char c) {
  return std::isalnum(c) != 0 || std::string_view("-._~+/=").find(static_cast<char>(c)) != std::string_view::npos;
}

}  // namespace

Result<Token> Token::read(const std::filesystem::path& file) {
  struct stat facts{};
  const bool exists = stat(file.c_str(), &facts) == 0;
  if (exists && !S_ISREG(facts.st_mode)) {
    return fail(ErrorCode::invalid_argument, fmt::format("token file {} is not a regular file", file.string()));
  }
  if (exists && (facts.st_mode & 077) != 0) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("token file {} is open to others than its owner (mode {:04o}): run chmod 600 on it",
                            file.string(), facts.st_mode & 07777));
  }
  auto text = kernels::read_file(file, k_max_bytes);
  if (!text) {
    const bool unreadable = exists && text.error().code == ErrorCode::io;
    return fail(unreadable ? ErrorCode::io : ErrorCode::invalid_argument,
                fmt::format("cannot use the token file: {}", text.error().message));
  }
  while (!text->empty() && std::isspace(static_cast<unsigned char>(text->back())) != 0) text->pop_back();
  if (text->empty() || !std::ranges::all_of(*text, is_token_character)) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("token file {} must hold one line of letters, digits and -._~+/=", file.string()));
  }
  return Token(std::move(*text));
}

bool Token::admits(std::string_view authorization) const {
  constexpr std::string_view scheme = "Bearer ";
  if (authorization.size() < scheme.size() || strncasecmp(authorization.data(), scheme.data(), scheme.size()) != 0) {
    return false;
  }
  // Digests have one length, so that not even the token's length shows in the time.
  const auto given = kernels::sha256(authorization.substr(scheme.size()));
  const auto wanted = kernels::sha256(secret_);
  return CRYPTO_memcmp(given.data(), wanted.data(), wanted.size()) == 0;
}

}  // namespace moetune::daemon::http
