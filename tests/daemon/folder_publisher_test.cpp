#include "daemon/folder_publisher.hpp"

#include <gmock/gmock.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <fstream>
#include <functional>
#include <sstream>
#include <thread>

#include "schema/publish/manifest.hpp"
#include "tests/db/store_fixture.hpp"
#include "tests/file_bytes.hpp"

namespace moetune::daemon {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

const std::string k_file = "E=256,N=512,device_name=NVIDIA_H200,dtype=fp8_w8a8,block_shape=[128,128].json";

/// What is logged while it lives. Read it when no thread logs any more.
class Log {
 public:
  Log() {
    const auto sink = std::make_shared<spdlog::sinks::ostream_sink_mt>(text_);
    spdlog::set_default_logger(std::make_shared<spdlog::logger>("test", sink));
  }
  ~Log() { spdlog::set_default_logger(before_); }
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;
  std::int64_t count(const std::string& words) const {
    const std::string text = text_.str();
    std::int64_t found = 0;
    for (auto at = text.find(words); at != std::string::npos; at = text.find(words, at + 1)) ++found;
    return found;
  }

 private:
  std::ostringstream text_;
  std::shared_ptr<spdlog::logger> before_ = spdlog::default_logger();
};

class FolderPublisherTest : public db::StoreTest {
 protected:
  /// A sweep of vLLM's kernel with keys for all batches, in which configuration 1 is the best.
  std::int64_t tuned_sweep() {
    const auto id = new_sweep();
    for (std::int64_t batch = 1; batch <= 4096; batch *= 2) {
      write([&](db::Transaction& transaction) {
        return db::set_sweep_default(transaction, id, batch, db::example_config(0), "vllm");
      });
      for (const int config : {0, 1}) {
        auto trial = db::ok_trial(batch, config, 100 - 10 * config);
        trial.group.kernel = "vllm";
        trial.group.compiler = "triton 3.6.0";
        record(id, trial);
      }
    }
    return id;
  }
  std::unique_ptr<FolderPublisher> started() {
    using std::chrono::milliseconds;
    return std::make_unique<FolderPublisher>(
        FolderPublisher::Options{folder_, milliseconds(10), milliseconds(10'000), milliseconds(20), milliseconds(20)},
        database());
  }
  /// Polls until the publisher's status is as wanted.
  static bool reaches(const FolderPublisher& publisher,
                      const std::function<bool(const FolderPublisher::Status&)>& wanted) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (std::chrono::steady_clock::now() < deadline) {
      if (wanted(publisher.status())) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return false;
  }
  static auto has_files(std::int64_t count) {
    return [=](const FolderPublisher::Status& status) { return status.files == count && status.trouble.empty(); };
  }
  schema::publish::Manifest manifest() const {
    return must(schema::publish::manifest_from_text(file_bytes(folder_ / schema::publish::k_manifest_name), "it"));
  }

  db::TemporaryFolder temporary_;
  const fs::path folder_ = temporary_.path() / "published";
};

TEST_F(FolderPublisherTest, PublishesAtItsStart) {
  finish(tuned_sweep());
  const auto publisher = started();
  ASSERT_TRUE(reaches(*publisher, has_files(1))) << publisher->status().trouble;
  EXPECT_TRUE(fs::exists(folder_ / k_file));
  EXPECT_EQ(manifest().files.at(k_file).database, database().uuid());
}

TEST_F(FolderPublisherTest, FollowsSweepsThatEndAndThatAreDiscarded) {
  const auto publisher = started();
  ASSERT_TRUE(reaches(*publisher, [](const auto& status) { return status.updates == 1; }));
  const auto id = tuned_sweep();
  finish(id);
  ASSERT_TRUE(reaches(*publisher, has_files(1))) << publisher->status().trouble;
  EXPECT_EQ(publisher->status().updates, 2) << "rows of a sweep that is not done change nothing";
  EXPECT_TRUE(fs::exists(folder_ / k_file));
  discard(id);
  ASSERT_TRUE(reaches(*publisher, [&](const auto& status) { return status.updates > 2; }));
  EXPECT_TRUE(fs::exists(folder_ / k_file)) << "named, not removed";
  EXPECT_TRUE(manifest().files.at(k_file).lost);
}

TEST_F(FolderPublisherTest, TriesAgainWhatDidNotWork) {
  finish(tuned_sweep());
  std::ofstream(folder_) << "in the way";
  const auto publisher = started();
  ASSERT_TRUE(reaches(*publisher, [](const auto& status) { return status.failures > 2; }));
  EXPECT_THAT(publisher->status().trouble, HasSubstr(folder_.string()));
  fs::remove(folder_);
  ASSERT_TRUE(reaches(*publisher, has_files(1)));
  EXPECT_TRUE(fs::exists(folder_ / k_file));
}

TEST_F(FolderPublisherTest, NamesAFileInTheWayUntilItIsGone) {
  finish(tuned_sweep());
  fs::create_directories(folder_);
  std::ofstream(folder_ / k_file) << "mine";
  const auto publisher = started();
  ASSERT_TRUE(reaches(*publisher, [](const auto& status) { return status.refused == 1; }));
  EXPECT_THAT(publisher->status().trouble, HasSubstr(k_file));
  EXPECT_EQ(publisher->status().failures, 0);
  fs::remove(folder_ / k_file);
  ASSERT_TRUE(reaches(*publisher, has_files(1)));
}

TEST_F(FolderPublisherTest, ChangesThatNeverRestAreNotWaitedForForEver) {
  using std::chrono::milliseconds;
  const FolderPublisher publisher({folder_, milliseconds(100), milliseconds(300)}, database());
  ASSERT_TRUE(reaches(publisher, [](const auto& status) { return status.updates == 1; }));
  finish(tuned_sweep());
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (publisher.status().files == 0 && std::chrono::steady_clock::now() < deadline) finish(new_sweep());
  EXPECT_EQ(publisher.status().files, 1);
}

TEST_F(FolderPublisherTest, SaysOnceWhatIsInTheWayAndAgainWhenItComesBack) {
  const Log log;
  const auto put_in_the_way = [&] {
    fs::remove(folder_ / k_file);
    std::ofstream(folder_ / k_file) << "mine";
  };
  const auto is_refused = [](const auto& status) { return status.refused == 1; };
  finish(tuned_sweep());
  fs::create_directories(folder_);
  put_in_the_way();
  auto publisher = started();
  ASSERT_TRUE(reaches(*publisher, is_refused));
  const auto updates = publisher->status().updates;
  ASSERT_TRUE(reaches(*publisher, [&](const auto& status) { return status.updates > updates + 1; }));
  fs::remove(folder_ / k_file);
  ASSERT_TRUE(reaches(*publisher, has_files(1)));
  put_in_the_way();
  finish(new_sweep());
  ASSERT_TRUE(reaches(*publisher, is_refused));
  publisher.reset();
  EXPECT_EQ(log.count("left as it is: " + k_file), 2);
}

TEST_F(FolderPublisherTest, WhatEndedLastIsPublishedWhenItStops) {
  auto publisher = started();
  ASSERT_TRUE(reaches(*publisher, [](const auto& status) { return status.updates == 1; }));
  finish(tuned_sweep());
  publisher.reset();
  EXPECT_TRUE(fs::exists(folder_ / k_file));
}

}  // namespace
}  // namespace moetune::daemon
