// Processes that publish into one folder at the same time.
#include <sys/wait.h>
#include <unistd.h>

#include <functional>

#include "tests/schema/publish/folder_fixture.hpp"

namespace moetune::schema::publish {
namespace {

/// Runs both in processes of their own, at the same time; true when both say that all went well.
bool both(const std::function<bool()>& one, const std::function<bool()>& other) {
  std::vector<pid_t> children;
  for (const auto* work : {&one, &other}) {
    const pid_t child = ::fork();
    if (child == 0) ::_exit((*work)() ? 0 : 1);
    children.push_back(child);
  }
  bool good = true;
  for (const pid_t child : children) {
    int status = 0;
    ::waitpid(child, &status, 0);
    good = good && WIFEXITED(status) && WEXITSTATUS(status) == 0;
  }
  return good;
}

using FolderRivalsTest = FolderTest;

TEST_F(FolderRivalsTest, NeitherTearsWhatTheOtherWrites) {
  const auto publisher = [&](const std::string& word) {
    return [this, word] {
      for (int round = 0; round < 10; ++round) {
        const std::string text = word + std::to_string(round);
        const auto publication = publication_of({set_of({k_vllm}, "same"), set_of({k_up, k_down}, text)});
        auto report = update_folder(folder_, publication, Force::no);
        // Where a sanitizer makes the rival slow, patience may end before he is through.
        while (!report && report.error().code == ErrorCode::conflict) {
          report = update_folder(folder_, publication, Force::no);
        }
        if (!report || !report->refused.empty()) return false;
      }
      return true;
    };
  };
  ASSERT_TRUE(both(publisher("one"), publisher("other")));
  expect_true_manifest(folder_);
  const auto manifest = manifest_in(folder_);
  EXPECT_EQ(manifest.files.at(k_up).source, manifest.files.at(k_down).source);
  EXPECT_EQ(view_of(folder_).size(), 3U);
}

TEST_F(FolderRivalsTest, OneThatIsRefusedTakesNothingAwayFromOneThatIsNot) {
  for (int round = 0; round < 20; ++round) {
    std::filesystem::remove_all(folder_);
    write_file(folder_ / k_other, "mine");
    const auto update_with = [&](const std::string& path, std::size_t refused) {
      return [=, this] {
        const auto report = update_folder(folder_, publication_of({set_of({path}, "a")}), Force::no);
        return report && report->refused.size() == refused;
      };
    };
    ASSERT_TRUE(both(update_with(k_other, 1), update_with(k_vllm, 0))) << round;
    EXPECT_EQ(file_bytes(folder_ / k_vllm), "a of " + k_vllm + "\n");
    expect_true_manifest(folder_, {k_other});
  }
}

}  // namespace
}  // namespace moetune::schema::publish
