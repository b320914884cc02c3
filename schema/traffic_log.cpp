#include "schema/traffic_log.hpp"

#include <fmt/format.h>

namespace moetune::schema {
namespace {

/// Longer ones are cut: the longest that engines write has some 30 bytes for each number of tokens.
constexpr std::size_t k_longest_line = std::size_t{1} << 20;

std::unexpected<Error> nothing_recognised(const std::string& name) {
  return fail(ErrorCode::invalid_argument,
              fmt::format("{} tells nothing of the tokens of steps; what can be read is a log of vLLM with "
                          "VLLM_LOG_BATCHSIZE_INTERVAL set, with --cudagraph-metrics, or with "
                          "--enable-logging-iteration-details, or the answer of its /metrics with "
                          "vllm:iteration_tokens_total",
                          name));
}

}  // namespace

void TrafficLog::read(std::string_view piece) {
  constexpr std::size_t k_step = 65536;
  while (!piece.empty()) {
    text_.append(piece.substr(0, k_step), line_);
    piece.remove_prefix(std::min(k_step, piece.size()));
    read_lines();
  }
}

void TrafficLog::read_lines() {
  std::size_t begin = 0;
  for (auto end = line_.find('\n'); end != std::string::npos; end = line_.find('\n', begin)) {
    const auto line = std::string_view(line_).substr(begin, std::min(end - begin, k_longest_line));
    batch_times_.read(line);
    cudagraph_.read(line);
    iterations_.read(line);
    prometheus_.read(line);
    begin = end + 1;
  }
  line_.erase(0, begin);
  if (line_.size() > k_longest_line) line_.resize(k_longest_line);
}

Result<std::vector<Traffic>> TrafficLog::finish(const std::string& name) {
  line_ += '\n';
  read_lines();
  std::vector<Traffic> found;
  const auto add = [&](TrafficSource source, const auto& reader) {
    auto batches = reader.batches();
    if (!batches.empty()) found.push_back({name, source, reader.lines(), std::move(batches)});
  };
  add(TrafficSource::batch_times, batch_times_);
  add(TrafficSource::cudagraph, cudagraph_);
  add(TrafficSource::iterations, iterations_);
  add(TrafficSource::prometheus, prometheus_);
  if (found.empty()) return nothing_recognised(name);
  if (found.front().batches.size() > k_most_traffic_batches) {
    return fail(ErrorCode::too_large, fmt::format("{} has steps of {} different sizes, at most {} are kept", name,
                                                  found.front().batches.size(), k_most_traffic_batches));
  }
  return found;
}

}  // namespace moetune::schema
