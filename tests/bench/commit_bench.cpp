// Durable commits a second next to what the disk allows: `commit_bench DATA_FOLDER` records trials in the database of
// that folder, each in a transaction of its own, and between them writes and syncs a file beside it without a database.
// Prints one JSON object: commits, fdatasyncs of 4 KiB, and fdatasyncs of as many bytes as one commit logs, a second.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <iostream>
#include <string>

#include "db/sweep_store.hpp"
#include "db/trial_store.hpp"
#include "kernels/unique_fd.hpp"

namespace moetune::db {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int k_rounds = 10;
constexpr int k_commits_of_a_round = 100;
constexpr std::size_t k_small_write = 4096;
constexpr std::size_t k_file_bytes = 8 << 20;

template <typename T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().message);
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

/// Adds up the time of many repetitions.
struct Meter {
  int count = 0;
  std::chrono::duration<double> spent{};

  template <typename Work>
  void time(int repetitions, Work&& work) {
    const auto begin = Clock::now();
    for (int i = 0; i < repetitions; ++i) work();
    spent += Clock::now() - begin;
    count += repetitions;
  }
  double per_second() const { return count / spent.count(); }
};

/// A file that is written over and over, as the write-ahead log is: its length and its blocks are there already.
class PlainFile {
 public:
  explicit PlainFile(const std::filesystem::path& path)
      : file_(::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)), bytes_(k_file_bytes, 'x') {
    std::filesystem::remove(path);
    write(bytes_.size());
    if (::fsync(file_.get()) != 0) throw std::runtime_error("cannot sync a file");
  }

  void write_and_sync(std::size_t size) {
    write(size);
    if (::fdatasync(file_.get()) != 0) throw std::runtime_error("cannot sync a file");
  }

 private:
  void write(std::size_t size) {
    if (at_ + size > bytes_.size()) at_ = 0;
    if (::pwrite(file_.get(), bytes_.data(), size, static_cast<off_t>(at_)) != static_cast<ssize_t>(size)) {
      throw std::runtime_error("cannot write a file");
    }
    at_ += size;
  }

  kernels::UniqueFd file_;
  std::string bytes_;
  std::size_t at_ = 0;
};

/// Records the trials of one sweep, a commit each.
class Recorder {
 public:
  explicit Recorder(Database& database) : database_(database) {
    schema::SweepSpec spec;
    spec.problem = {.num_experts = 256,
                    .intermediate_size = 512,
                    .hidden_size = 2048,
                    .topk = 8,
                    .dtype = schema::Dtype::fp8_w8a8,
                    .block_shape = schema::BlockShape{128, 128}};
    sweep_ = must(database_.write([&](Transaction& transaction) { return create_sweep(transaction, spec); }));
    trial_.group = {.device = "NVIDIA_H200",
                    .problem = spec.problem,
                    .kernel = "cuda",
                    .kernel_digest = "6f1ed002ab55",
                    .compiler = "nvrtc 13.0"};
    trial_.arch = "sm_90";
    trial_.config = {16, 128, 128, 1, 4, 2};
    trial_.latency_us = 5;
    trial_.samples_us = {5, 5, 5};
  }

  void record() {
    ++trial_.batch;
    must(database_.write([&](Transaction& transaction) { return record_trial(transaction, sweep_, trial_); }));
  }

 private:
  Database& database_;
  std::int64_t sweep_ = 0;
  schema::Trial trial_;
};

void run(const std::filesystem::path& folder) {
  const auto database = must(Database::open(folder, Access::read_write));
  Recorder recorder(*database);
  const auto log = [&] { return std::filesystem::file_size(database->path().string() + "-wal"); };
  const auto logged_before = log();
  for (int i = 0; i < k_commits_of_a_round; ++i) recorder.record();
  const std::size_t bytes_of_a_commit = (log() - logged_before) / k_commits_of_a_round;

  PlainFile file(folder / "commit_bench.tmp");
  Meter commits;
  Meter small;
  Meter like_a_commit;
  for (int round = 0; round < k_rounds; ++round) {
    commits.time(k_commits_of_a_round, [&] { recorder.record(); });
    small.time(k_commits_of_a_round, [&] { file.write_and_sync(k_small_write); });
    like_a_commit.time(k_commits_of_a_round, [&] { file.write_and_sync(bytes_of_a_commit); });
  }
  std::cout << fmt::format(R"({{"commits": {:.1f}, "fdatasyncs": {:.1f}, "fdatasyncs_of_a_commit": {:.1f}, )",
                           commits.per_second(), small.per_second(), like_a_commit.per_second())
            << fmt::format(R"("bytes_of_a_commit": {}}})", bytes_of_a_commit) << "\n";
}

}  // namespace
}  // namespace moetune::db

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: commit_bench DATA_FOLDER\n";
    return 2;
  }
  try {
    moetune::db::run(argv[1]);
  } catch (const std::exception& failure) {
    std::cerr << "commit_bench: " << failure.what() << "\n";
    return 1;
  }
  return 0;
}
