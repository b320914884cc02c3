#include "tests/storm/sweep_witness.hpp"

#include <fmt/format.h>
#include <httplib.h>

#include <string_view>

namespace moetune::storm {
namespace {

/// Hands out the data of each complete `trial` event in the text and takes what it has read off the front.
void take_trials(std::string& text, SweepWitness& witness) {
  for (;;) {
    const auto end = text.find("\n\n");
    if (end == std::string::npos) return;
    const std::string event = text.substr(0, end);
    text.erase(0, end + 2);
    constexpr std::string_view k_data = "\ndata: ";
    const auto data = event.find(k_data);
    if (event.contains("event: trial") && data != std::string::npos) witness.saw(event.substr(data + k_data.size()));
  }
}

}  // namespace

void SweepWitness::saw(const std::string& row) {
  const auto trial = nlohmann::json::parse(row);
  const std::string candidate = fmt::format("M={} {}", trial["batch"].dump(), trial["config"].dump());
  const std::scoped_lock lock(mutex_);
  const auto [known, is_new] = row_of_.emplace(candidate, row);
  if (!is_new && known->second != row) contradictions_ += fmt::format("{}\n{}\n\n", known->second, row);
}

bool SweepWitness::look(const e2e::RunningDaemon& daemon, std::int64_t sweep) {
  const auto answer = daemon.get(fmt::format("/trials?format=jsonl&sweep={}", sweep));
  if (answer.status != 200) return false;
  std::size_t begin = 0;
  for (auto end = answer.body.find('\n'); end != std::string::npos; end = answer.body.find('\n', begin)) {
    saw(answer.body.substr(begin, end - begin));
    begin = end + 1;
  }
  return true;
}

std::size_t SweepWitness::rows() const {
  const std::scoped_lock lock(mutex_);
  return row_of_.size();
}

std::string SweepWitness::contradictions() const {
  const std::scoped_lock lock(mutex_);
  return contradictions_;
}

std::size_t SweepWitness::missing_from(const SweepWitness& stored) const {
  const std::scoped_lock lock(mutex_, stored.mutex_);
  std::size_t missing = 0;
  for (const auto& [candidate, row] : row_of_) {
    const auto found = stored.row_of_.find(candidate);
    if (found == stored.row_of_.end() || found->second != row) ++missing;
  }
  return missing;
}

EventListener::EventListener(const e2e::RunningDaemon& daemon, std::int64_t sweep, SweepWitness& witness)
    : thread_([this, url = daemon.url(), sweep, &witness] {
        httplib::Client client(url);
        client.set_read_timeout(20);
        std::string text;
        client.Get(fmt::format("/sweeps/{}/events", sweep), [&](const char* data, std::size_t size) {
          text.append(data, size);
          take_trials(text, witness);
          return !stop_;
        });
      }) {}

EventListener::~EventListener() {
  stop_ = true;
  thread_.join();
}

}  // namespace moetune::storm
