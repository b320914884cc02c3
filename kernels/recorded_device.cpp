#include "kernels/recorded_device.hpp"

#include <fmt/format.h>

#include <string_view>

#include "kernels/sample_plan.hpp"

namespace moetune::kernels {
namespace {

/// FNV-1a over text: the seed must be the same in every build, which std::hash does not promise.
std::uint64_t hash_of(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  return hash;
}

/// SplitMix64 (Steele, Lea, Flood 2014): full period from any seed, which the generators of <random> do not promise.
class Generator {
 public:
  explicit Generator(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    std::uint64_t bits = (state_ += 0x9e3779b97f4a7c15ULL);
    bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9ULL;
    bits = (bits ^ (bits >> 27)) * 0x94d049bb133111ebULL;
    return bits ^ (bits >> 31);
  }

 private:
  std::uint64_t state_;
};

}  // namespace

RecordedDevice::RecordedDevice(Recording recording, std::uint64_t seed)
    : recording_(std::move(recording)), seed_(seed) {}

schema::Result<MeasureReply> RecordedDevice::measure(const MeasureJob& job) {
  MeasureReply reply;
  reply.id = job.id;
  const auto found = recording_.rows.find({job.batch, job.config});
  if (found == recording_.rows.end()) {
    reply.status = schema::TrialStatus::launch_error;
    reply.log_tail = fmt::format("the recording has no row for batch {}, {}", job.batch, short_text(job.config));
    return reply;
  }
  const RecordedRow& row = found->second;
  reply.status = row.status;
  reply.log_tail = row.log_tail;
  reply.sm_clock_mhz = row.sm_clock_mhz;
  reply.throttle = row.throttle;
  if (row.status != schema::TrialStatus::ok) return reply;
  reply.stages_us = row.stages_us;
  std::string question = fmt::format("{}|{}|{}|{}|{}", recording_.group.device, short_text(recording_.group.problem),
                                     job.batch, short_text(job.config), seed_);
  if (job.round) question += fmt::format("|{}", *job.round);
  Generator generator(hash_of(question));
  while (reply.samples_us.size() < k_samples_of_job) {
    reply.samples_us.push_back(row.samples_us[generator.next() % row.samples_us.size()]);
    reply.busy_us += reply.samples_us.back();
  }
  return reply;
}

}  // namespace moetune::kernels
