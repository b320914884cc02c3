#include "tests/daemon/http/raw_client.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <array>

namespace moetune::daemon::http {

std::string Reply::error_code() const {
  const auto value = json();
  return value.is_object() && value.contains("error") ? value["error"].value("code", "") : "";
}

std::string Reply::error_message() const {
  const auto value = json();
  return value.is_object() && value.contains("error") ? value["error"].value("message", "") : "";
}

RawClient::RawClient(std::uint16_t port) : socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  const timeval patience{60, 0};
  setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  setsockopt(socket_.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
}

bool RawClient::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto count = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

bool RawClient::fill() {
  std::array<char, 65536> piece;
  const auto count = recv(socket_.get(), piece.data(), piece.size(), 0);
  if (count > 0) buffer_.append(piece.data(), static_cast<std::size_t>(count));
  return count > 0;
}

bool RawClient::take_line(std::string& line) {
  std::size_t end = 0;
  while ((end = buffer_.find("\r\n")) == std::string::npos) {
    if (!fill()) return false;
  }
  line = buffer_.substr(0, end);
  buffer_.erase(0, end + 2);
  return true;
}

bool RawClient::read_chunked(std::string& body) {
  std::string line;
  for (;;) {
    if (!take_line(line)) return false;
    const std::size_t size = std::stoul(line, nullptr, 16);
    while (buffer_.size() < size + 2) {
      if (!fill()) return false;
    }
    body += buffer_.substr(0, size);
    buffer_.erase(0, size + 2);
    if (size == 0) return true;
  }
}

Reply RawClient::receive(std::string_view method) {
  Reply reply;
  std::string line;
  if (!take_line(line)) return reply;
  reply.status = std::stoi(line.substr(9, 3));
  while (take_line(line) && !line.empty()) {
    std::string name = line.substr(0, line.find(':'));
    std::ranges::transform(name, name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    reply.headers[name] = line.substr(line.find(':') + 2);
  }
  if (method == "HEAD" || reply.status == 100) return reply;
  if (reply.headers.contains("transfer-encoding")) {
    reply.whole = read_chunked(reply.body);
  } else if (const auto length = reply.headers.find("content-length"); length != reply.headers.end()) {
    const std::size_t size = std::stoul(length->second);
    while (buffer_.size() < size && fill()) {
    }
    reply.whole = buffer_.size() >= size;
    reply.body = buffer_.substr(0, size);
    buffer_.erase(0, size);
  } else {
    while (fill()) {
    }
    reply.body = std::exchange(buffer_, {});
    reply.whole = true;
  }
  return reply;
}

bool RawClient::read_until(std::string_view text) {
  while (buffer_.find(text) == std::string::npos) {
    if (!fill()) return false;
  }
  buffer_.erase(0, buffer_.find(text) + text.size());
  return true;
}

bool RawClient::closed_by_server() {
  char byte = 0;
  return buffer_.empty() && recv(socket_.get(), &byte, 1, 0) == 0;
}

void RawClient::end_sending() {
  shutdown(socket_.get(), SHUT_WR);
}

}  // namespace moetune::daemon::http
