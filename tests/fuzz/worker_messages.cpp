#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/supervisor/line_buffer.hpp"
#include "kernels/probe.hpp"
#include "kernels/unique_fd.hpp"
#include "kernels/worker_channel.hpp"
#include "kernels/worker_protocol.hpp"
#include "schema/strict_json.hpp"
#include "tests/fuzz/demand.hpp"
#include "tests/fuzz/target.hpp"

namespace moetune::fuzz {
namespace {

using daemon::LineBuffer;
using nlohmann::json;

constexpr std::size_t k_longest_line = 2048;    ///< of the daemon's line buffers here
constexpr std::size_t k_longest_input = 32768;  ///< fits into a pipe whole

struct Pipe {
  Pipe() {
    int ends[2] = {-1, -1};
    demand(::pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0, "a pipe can be made");
    out.reset(ends[0]);
    in.reset(ends[1]);
  }
  void write(std::string_view bytes) const {
    demand(::write(in.get(), bytes.data(), bytes.size()) == std::ssize(bytes), "the pipe takes the bytes");
  }
  kernels::UniqueFd out;
  kernels::UniqueFd in;
};

/// What a stream of bytes comes to, as read by a line buffer: its lines and what is left over.
struct Reading {
  std::vector<std::string> lines;
  std::string rest;
  bool overlong = false;
};

/// Gives the bytes to a line buffer in pieces of `step` bytes.
Reading read_in_pieces(std::string_view bytes, std::size_t step, LineBuffer::Overlong overlong) {
  const Pipe pipe;
  LineBuffer buffer(k_longest_line, overlong);
  Reading reading;
  while (!bytes.empty() && !reading.overlong) {
    const auto piece = bytes.substr(0, step);
    bytes.remove_prefix(piece.size());
    pipe.write(piece);
    const auto state = buffer.read(pipe.out.get(), reading.lines);
    demand(state == LineBuffer::State::open || state == LineBuffer::State::overlong, "an open pipe stays open");
    reading.overlong = state == LineBuffer::State::overlong;
  }
  reading.rest = buffer.rest();
  return reading;
}

/// The lines of a stream whose lines are all short enough, found the simple way.
Reading split(std::string_view bytes) {
  Reading reading;
  for (auto end = bytes.find('\n'); end != std::string_view::npos; end = bytes.find('\n')) {
    reading.lines.emplace_back(bytes.substr(0, end));
    bytes.remove_prefix(end + 1);
  }
  reading.rest = bytes;
  return reading;
}

std::string joined(const Reading& reading) {
  std::string text;
  for (const auto& line : reading.lines) text += line;
  return text + reading.rest;
}

void demand_lines(std::string_view bytes, std::size_t step) {
  const Reading expected = split(bytes);
  const bool fits = expected.rest.size() <= k_longest_line &&
                    std::ranges::all_of(expected.lines, [](const auto& line) { return line.size() <= k_longest_line; });
  const Reading stopped = read_in_pieces(bytes, step, LineBuffer::Overlong::stop);
  const Reading whole = read_in_pieces(bytes, step, LineBuffer::Overlong::split);
  demand(stopped.overlong == !fits, "reading stops at a line that is too long, and only there");
  demand(!whole.overlong, "where long lines are split, reading goes on");
  demand(joined(whole) == joined(expected), "no byte is lost or invented");
  if (fits) {
    demand(stopped.lines == expected.lines && stopped.rest == expected.rest, "lines are those of the stream");
    demand(whole.lines == expected.lines && whole.rest == expected.rest, "short lines are not split");
  }
  for (const auto& line : whole.lines) demand(line.size() <= k_longest_line, "a line keeps to the limit");
}

/// True when the value is a message of this kind. Then what is written of it is read as the same message.
template <typename Message>
bool is_message(const json& value, schema::Result<Message> (*read)(const json&)) {
  const auto message = read(value);
  if (!message) {
    demand_reason(message.error());
    return false;
  }
  const std::string text = to_json(*message).dump(-1, ' ', true, json::error_handler_t::replace);
  const auto parsed = schema::parse_json(text, "message");
  demand(parsed.has_value(), "a message that was written is JSON");
  const auto again = read(*parsed);
  demand(again.has_value(), again ? "" : "a message that was written is refused: " + again.error().message);
  demand(to_json(*again) == to_json(*message), "a message that was written is read as it was");
  return true;
}

void read_message(const json& value) {
  const int kinds =
      is_message(value, kernels::hello_from_json) + is_message(value, kernels::compile_job_from_json) +
      is_message(value, kernels::compile_reply_from_json) + is_message(value, kernels::open_problem_from_json) +
      is_message(value, kernels::measure_ready_from_json) + is_message(value, kernels::measure_job_from_json) +
      is_message(value, kernels::measure_reply_from_json);
  demand(kinds <= 1, "a message is of one kind");
  is_message(value, kernels::device_facts_from_json);
}

/// This process as a worker: what is written to its standard input is what its channel receives.
class WorkerEnd {
 public:
  WorkerEnd() {
    int ends[2] = {-1, -1};
    demand(::pipe2(ends, O_CLOEXEC) == 0 && ::dup2(ends[0], STDIN_FILENO) == STDIN_FILENO, "a pipe can be made");
    ::close(ends[0]);
    in_ = ends[1];  // left open to the end: a worker ends as soon as it is closed
    auto channel = kernels::WorkerChannel::take_over();
    demand(channel.has_value(), "the channel can be taken over");
    channel_ = std::move(*channel);
  }

  /// Sends whole lines and demands that each is received, or refused with a reason.
  void receive(const std::vector<std::string>& lines) {
    for (const auto& line : lines) {
      const std::string bytes = line + "\n";
      demand(::write(in_, bytes.data(), bytes.size()) == std::ssize(bytes), "the pipe takes the bytes");
    }
    for (const auto& line : lines) {
      const auto expected = schema::parse_json(line, "request");
      const auto received = channel_->receive();
      demand(received.has_value() == expected.has_value(), "a worker takes the lines that are JSON");
      if (received) {
        demand(*received == *expected, "a worker receives what was sent");
      } else {
        demand_reason(received.error());
      }
    }
  }

 private:
  int in_ = -1;
  std::optional<kernels::WorkerChannel> channel_;
};

}  // namespace

/// A byte that says in how large pieces the rest arrives, and a stream of lines.
void try_input(std::string_view input) {
  static WorkerEnd worker;
  if (input.empty()) return;
  const std::size_t step = 1U + static_cast<unsigned char>(input.front()) * 16U;
  const auto stream = input.substr(1, k_longest_input);
  demand_lines(stream, step);
  const Reading reading = split(stream);
  worker.receive(reading.lines);
  for (const auto& line : reading.lines) {
    if (const auto value = schema::parse_json(line, "message")) read_message(*value);
  }
}

}  // namespace moetune::fuzz
