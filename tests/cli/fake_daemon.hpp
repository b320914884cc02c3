#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace moetune::cli {

/// One request as the fake daemon saw it.
struct SeenRequest {
  std::string method;
  std::string target;  ///< path and query as they came
  std::string body;
  std::map<std::string, std::string> headers;
};

/// Writes a piece of a streamed answer; false when the client is gone.
using WritePiece = std::function<bool(std::string_view piece)>;

struct FakeAnswer {
  int status = 200;
  std::string body = {};
  std::string content_type = "application/json";
  std::map<std::string, std::string> headers = {};
  /// When set, writes the body in pieces; returning false breaks the connection off.
  std::function<bool(const WritePiece& write)> stream = {};
};

/// An HTTP server on a free loopback port that answers as a test tells it. Thread-safe.
class FakeDaemon {
 public:
  FakeDaemon();
  ~FakeDaemon();
  FakeDaemon(const FakeDaemon&) = delete;
  FakeDaemon& operator=(const FakeDaemon&) = delete;

  std::string url() const;
  /// What METHOD /path (without its query) answers from now on.
  void on(const std::string& method_and_path, FakeAnswer answer);
  void on(const std::string& method_and_path, std::function<FakeAnswer(const SeenRequest&)> answer);
  std::vector<SeenRequest> seen() const;
  /// The requests to a path.
  std::vector<SeenRequest> seen(const std::string& method_and_path) const;
  /// Closes the port and every connection.
  void stop();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The daemon's error shape.
FakeAnswer error_answer(int status, const std::string& code, const std::string& message,
                        const std::string& detail = "null");

}  // namespace moetune::cli
