#include "tests/fuzz/http_answer.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>

#include "tests/fuzz/demand.hpp"

namespace moetune::fuzz {
namespace {

std::string_view take_line(std::string_view& bytes) {
  const auto end = bytes.find("\r\n");
  demand(end != std::string_view::npos, "a line ends with CR LF");
  const auto line = bytes.substr(0, end);
  demand(line.find_first_of("\r\n") == std::string_view::npos, "no line has a bare CR or LF in it");
  bytes.remove_prefix(end + 2);
  return line;
}

std::string_view take_bytes(std::string_view& bytes, std::size_t count) {
  demand(count <= bytes.size(), "a body is as long as its header says");
  const auto piece = bytes.substr(0, count);
  bytes.remove_prefix(count);
  return piece;
}

std::size_t number_in(std::string_view text, int base) {
  std::size_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  demand(error == std::errc() && end == text.data() + text.size(), "a length is a number");
  return number;
}

std::string take_chunks(std::string_view& bytes) {
  std::string body;
  for (;;) {
    const std::size_t size = number_in(take_line(bytes), 16);
    if (size > 0) body += take_bytes(bytes, size);
    demand(take_line(bytes).empty(), "a chunk ends where its size says");
    if (size == 0) return body;
  }
}

void take_fields(std::string_view& bytes, HttpAnswer& answer) {
  for (auto line = take_line(bytes); !line.empty(); line = take_line(bytes)) {
    const auto colon = line.find(": ");
    demand(colon != std::string_view::npos && colon > 0, "a header field has a name and a value");
    std::string name(line.substr(0, colon));
    std::ranges::transform(name, name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    demand(answer.headers.emplace(std::move(name), line.substr(colon + 2)).second, "a header field comes once");
  }
}

}  // namespace

HttpAnswer take_answer(std::string_view& bytes, bool has_body) {
  constexpr std::string_view k_version = "HTTP/1.1 ";
  const auto line = take_line(bytes);
  demand(line.starts_with(k_version) && line.size() >= k_version.size() + 3, "an answer begins with its status");
  HttpAnswer answer;
  answer.status = static_cast<int>(number_in(line.substr(k_version.size(), 3), 10));
  take_fields(bytes, answer);
  if (!has_body || answer.status == 100) return answer;
  const auto length = answer.headers.find("content-length");
  const auto coding = answer.headers.find("transfer-encoding");
  demand(length == answer.headers.end() || coding == answer.headers.end(), "a body has one framing");
  if (length != answer.headers.end()) {
    answer.body = take_bytes(bytes, number_in(length->second, 10));
  } else if (coding != answer.headers.end()) {
    demand(coding->second == "chunked", "the only coding is chunked");
    answer.body = take_chunks(bytes);
  } else {
    demand(answer.headers.contains("connection") && answer.headers.at("connection") == "close",
           "a body without framing ends with the connection");
    answer.body = take_bytes(bytes, bytes.size());
  }
  return answer;
}

}  // namespace moetune::fuzz
