#pragma once

#include <map>
#include <string>
#include <string_view>

namespace moetune::fuzz {

/// One HTTP answer as it came over the wire.
struct HttpAnswer {
  int status = 0;
  std::map<std::string, std::string> headers;  ///< names in lower case
  std::string body;                            ///< without the framing of chunks
};

/// Takes the first answer off `bytes` and demands that it is well-formed and whole. `has_body`: false for an answer to
/// HEAD, which announces a length and sends nothing.
HttpAnswer take_answer(std::string_view& bytes, bool has_body);

}  // namespace moetune::fuzz
