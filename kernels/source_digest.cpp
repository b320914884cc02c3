#include "kernels/source_digest.hpp"

#include <fmt/format.h>

#include "kernels/sha256.hpp"

namespace moetune::kernels {

std::string digest_of(const std::vector<SourceHeader>& parts) {
  std::string whole;
  for (const auto& part : parts) {
    // The sizes keep two splits of the same text apart.
    whole += fmt::format("{}:{}:{}\n", part.name, part.name.size(), part.text.size());
    whole += part.text;
  }
  return sha256_hex(whole);
}

}  // namespace moetune::kernels
