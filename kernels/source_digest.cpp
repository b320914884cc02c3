#include "kernels/source_digest.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <array>
#include <memory>

namespace moetune::kernels {

std::string digest_of(const std::vector<SourceHeader>& parts) {
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr);
  for (const auto& part : parts) {
    // The sizes keep two splits of the same text apart.
    const auto head = fmt::format("{}:{}:{}\n", part.name, part.name.size(), part.text.size());
    EVP_DigestUpdate(context.get(), head.data(), head.size());
    EVP_DigestUpdate(context.get(), part.text.data(), part.text.size());
  }
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
  unsigned size = 0;
  EVP_DigestFinal_ex(context.get(), bytes.data(), &size);
  std::string text;
  for (unsigned i = 0; i < size; ++i) text += fmt::format("{:02x}", bytes[i]);
  return text;
}

}  // namespace moetune::kernels
