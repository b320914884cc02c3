// A process that publishes is killed after each of its changes of the disk.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/schema/publish/folder_fixture.hpp"

namespace moetune::schema::publish {
namespace {

namespace fs = std::filesystem;

/// Publishes in a child that kills itself after `steps` changes; true when it came to its end before.
bool publish_and_die(const fs::path& folder, const Publication& publication, Force force, int steps) {
  const pid_t child = ::fork();
  if (child == 0) {
    int done = 0;
    const auto report = update_folder(folder, publication, force, [&] {
      if (++done == steps) ::raise(SIGKILL);
    });
    ::_exit(report ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
  return WIFEXITED(status);
}

class FolderKillTest : public FolderTest {
 protected:
  /// Kills at every step on the way from what the folder is now. `foreign` are files that moetune did not write.
  void kill_everywhere(const Publication& next, Force force, const std::vector<std::string>& foreign) {
    const View before = view_of(folder_);
    const fs::path start = root_ / "start";
    if (fs::exists(folder_)) fs::copy(folder_, start, fs::copy_options::recursive | fs::copy_options::copy_symlinks);
    for (int steps = 1;; ++steps) {
      ASSERT_LT(steps, 500);
      fs::remove_all(folder_);
      if (fs::exists(start)) fs::copy(start, folder_, fs::copy_options::recursive | fs::copy_options::copy_symlinks);
      const bool ended = publish_and_die(folder_, next, force, steps);
      SCOPED_TRACE(steps);
      const View left = view_of(folder_);
      expect_true_manifest(folder_, foreign);
      if (manifest_in(folder_).files.empty()) {
        EXPECT_EQ(left, before);
      }
      update(next, force);
      after_ = view_of(folder_);
      EXPECT_TRUE(left == before || left == after_) << "some files of before and some of after";
      expect_true_manifest(folder_, force == Force::yes ? std::vector<std::string>() : foreign);
      seen_before_ += left == before ? 1 : 0;
      if (!ended) continue;
      EXPECT_EQ(left, after_);
      EXPECT_GT(steps, 20);
      return;
    }
  }
  View after_;
  int seen_before_ = 0;
};

TEST_F(FolderKillTest, TheFirstPublicationIsThereAsAWholeOrNotAtAll) {
  kill_everywhere(publication_of({set_of({k_vllm}, "new"), set_of({k_up, k_down}, "new")}), Force::no, {});
  EXPECT_EQ(after_.size(), 3U);
  EXPECT_GT(seen_before_, 20);
}

TEST_F(FolderKillTest, AnUpdateIsThereAsAWholeOrNotAtAll) {
  update(publication_of({set_of({k_vllm}, "same"), set_of({k_up, k_down}, "old"), set_of({k_other}, "lost")}));
  kill_everywhere(publication_of({set_of({k_vllm}, "same"), set_of({k_up, k_down}, "new")}), Force::no, {});
  EXPECT_EQ(after_.at(k_down), "new of " + k_down + "\n");
  EXPECT_EQ(after_.at(k_other), "lost of " + k_other + "\n");
  EXPECT_GT(seen_before_, 20);
}

TEST_F(FolderKillTest, AForcedReplacementKeepsTheOldFileUntilTheNewOneIsThere) {
  update(publication_of({set_of({k_other}, "old")}));
  for (const auto& path : {k_vllm, k_up, k_down}) write_file(folder_ / path, "somebody's");
  kill_everywhere(publication_of({set_of({k_vllm}, "new"), set_of({k_up, k_down}, "new"), set_of({k_other}, "new")}),
                  Force::yes, {k_vllm, k_up, k_down});
  EXPECT_EQ(after_.at(k_vllm), "new of " + k_vllm + "\n");
}

TEST_F(FolderKillTest, AForcedReplacementOfALinkShowsItsFileUntilTheNewOneIsThere) {
  update(publication_of({set_of({k_other}, "old")}));
  write_file(root_ / "elsewhere.json", "somebody's");
  fs::create_symlink("../elsewhere.json", folder_ / k_vllm);
  for (const auto& path : {k_up, k_down}) {
    fs::create_directories((folder_ / path).parent_path());
    fs::create_symlink("../../../elsewhere.json", folder_ / path);
  }
  kill_everywhere(publication_of({set_of({k_vllm}, "new"), set_of({k_up, k_down}, "new"), set_of({k_other}, "new")}),
                  Force::yes, {k_vllm, k_up, k_down});
  EXPECT_EQ(after_.at(k_vllm), "new of " + k_vllm + "\n");
  EXPECT_EQ(file_bytes(root_ / "elsewhere.json"), "somebody's");
}

TEST_F(FolderKillTest, AFileThatSomebodyChangedSurvives) {
  update(publication_of({set_of({k_vllm}, "old"), set_of({k_up, k_down}, "old")}));
  write_file(folder_ / k_vllm, "changed");
  const View before = view_of(folder_);
  const fs::path start = root_ / "start";
  fs::copy(folder_, start, fs::copy_options::recursive | fs::copy_options::copy_symlinks);
  for (int steps = 1;; ++steps) {
    fs::remove_all(folder_);
    fs::copy(start, folder_, fs::copy_options::recursive | fs::copy_options::copy_symlinks);
    const auto next = publication_of({set_of({k_vllm}, "new"), set_of({k_up, k_down}, "new")});
    const bool ended = publish_and_die(folder_, next, Force::no, steps);
    EXPECT_EQ(file_bytes(folder_ / k_vllm), "changed") << steps;
    update(next);
    EXPECT_EQ(file_bytes(folder_ / k_vllm), "changed") << steps;
    EXPECT_EQ(file_bytes(folder_ / k_up), "new of " + k_up + "\n") << steps;
    if (ended) break;
  }
}

}  // namespace
}  // namespace moetune::schema::publish
