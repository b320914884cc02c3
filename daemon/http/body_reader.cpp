#include "daemon/http/body_reader.hpp"

#include <fmt/format.h>
#include <strings.h>

#include <algorithm>
#include <charconv>

namespace moetune::daemon::http {

using schema::ErrorCode;
using schema::fail;
using schema::Result;

namespace {

constexpr std::size_t k_max_chunk_line = 256;

template <typename T>
std::optional<T> whole_number(std::string_view text, int base) {
  T value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::unexpected<schema::Error> broken(std::string_view why) {
  return fail(ErrorCode::invalid_argument, fmt::format("the body is broken: {}", why));
}

}  // namespace

Result<BodyReader> BodyReader::create(const Headers& headers, std::string_view version, Connection& connection) {
  BodyReader reader(connection);
  const auto coding = headers.get("transfer-encoding");
  const auto length = headers.get("content-length");
  if (headers.count("content-length") + headers.count("transfer-encoding") > 1) {
    return broken("more than one Content-Length or Transfer-Encoding");
  }
  if (coding) {
    const bool known = coding->size() == 7 && strncasecmp(coding->data(), "chunked", 7) == 0;
    if (!known || version != "HTTP/1.1") return broken("the only transfer encoding is chunked, in HTTP/1.1");
    reader.chunked_ = true;
  } else if (length) {
    const auto bytes = whole_number<std::uint64_t>(*length, 10);
    if (!bytes) return broken("Content-Length is not a number");
    reader.left_ = *bytes;
  }
  reader.finished_ = !reader.chunked_ && reader.left_ == 0;
  const auto expect = headers.get("expect");
  reader.expects_continue_ = expect && expect->size() == 12 && strncasecmp(expect->data(), "100-continue", 12) == 0;
  return reader;
}

void BodyReader::set_limits(std::uint64_t max_bytes, std::chrono::milliseconds patience, Pace pace) {
  max_bytes_ = max_bytes;
  patience_ = patience;
  pace_ = pace;
}

Result<void> BodyReader::await_bytes() {
  // The client waits for this line before it sends a long body; one that is turned away has sent nothing.
  if (expects_continue_ && connection_->pending().empty()) connection_->send_some("HTTP/1.1 100 Continue\r\n\r\n");
  expects_continue_ = false;
  if (!deadline_ || pace_ == Pace::per_piece) deadline_ = Clock::now() + patience_;
  switch (connection_->await_bytes(*deadline_)) {
    case Connection::Wait::ready:
      return {};
    case Connection::Wait::closed:
      return broken("the connection ended before it was complete");
    case Connection::Wait::timeout:
      break;
  }
  timed_out_ = true;
  return broken(fmt::format("it did not arrive within {} ms", patience_.count()));
}

Result<std::string> BodyReader::read_line() {
  std::string line;
  while (!line.ends_with("\r\n")) {
    if (line.size() > k_max_chunk_line) return broken("the line that gives a chunk's size is too long");
    if (auto ready = await_bytes(); !ready) return std::unexpected(ready.error());
    line += connection_->pending().front();
    connection_->consume(1);
  }
  line.resize(line.size() - 2);
  return line;
}

Result<void> BodyReader::begin_chunk() {
  auto line = read_line();
  if (!line) return std::unexpected(line.error());
  const auto bytes = whole_number<std::uint64_t>(std::string_view(*line).substr(0, line->find(';')), 16);
  if (!bytes) return broken("a chunk's size is not a hexadecimal number");
  left_ = *bytes;
  if (left_ > 0) return {};
  for (std::size_t trailers = 0; !line->empty() && trailers < 100; ++trailers) {
    line = read_line();
    if (!line) return std::unexpected(line.error());
  }
  if (!line->empty()) return broken("too many lines after the last chunk");
  finished_ = true;
  return {};
}

Result<void> BodyReader::end_chunk() {
  auto line = read_line();
  if (!line) return std::unexpected(line.error());
  if (!line->empty()) return broken("a chunk is longer than its size says");
  return {};
}

Result<std::string_view> BodyReader::next() {
  connection_->consume(last_piece_);
  last_piece_ = 0;
  if (!finished_ && left_ == 0) {
    if (taken_ > 0) {
      if (auto ended = end_chunk(); !ended) return std::unexpected(ended.error());
    }
    if (auto begun = begin_chunk(); !begun) return std::unexpected(begun.error());
  }
  if (finished_) return std::string_view();
  if (left_ > max_bytes_ - std::min(max_bytes_, taken_)) {
    return fail(ErrorCode::too_large, fmt::format("the body is larger than {} bytes", max_bytes_),
                {{"max_bytes", max_bytes_}});
  }
  if (auto ready = await_bytes(); !ready) return std::unexpected(ready.error());
  last_piece_ = static_cast<std::size_t>(std::min<std::uint64_t>(left_, connection_->pending().size()));
  left_ -= last_piece_;
  taken_ += last_piece_;
  if (left_ == 0 && !chunked_) finished_ = true;
  return connection_->pending().substr(0, last_piece_);
}

Result<std::string> BodyReader::read_all() {
  std::string all;
  for (;;) {
    auto piece = next();
    if (!piece) return std::unexpected(piece.error());
    if (piece->empty()) return all;
    all += *piece;
  }
}

}  // namespace moetune::daemon::http
