#include "schema/publish/folder.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/schema/publish/folder_fixture.hpp"

namespace moetune::schema::publish {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

struct stat facts_of(const fs::path& path) {
  struct stat facts{};
  EXPECT_EQ(::stat(path.c_str(), &facts), 0) << path;
  return facts;
}

/// Sets a file back in time, so that any touch shows.
void make_old(const fs::path& path) {
  const std::array<timespec, 2> times = {timespec{1000, 0}, timespec{1000, 7}};
  ASSERT_EQ(::utimensat(AT_FDCWD, path.c_str(), times.data(), 0), 0);
}

/// All that stands directly in a folder.
std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.push_back(entry.path().filename());
  return names;
}

TEST_F(FolderTest, PublishesWhatBothEnginesRead) {
  const auto report = update(publication_of({set_of({k_vllm}, "a"), set_of({k_up, k_down}, "b")}));
  EXPECT_THAT(report.written, UnorderedElementsAre(k_vllm, k_up, k_down));
  EXPECT_EQ(
      view_of(folder_),
      (View{{k_vllm, "a of " + k_vllm + "\n"}, {k_up, "b of " + k_up + "\n"}, {k_down, "b of " + k_down + "\n"}}));
  expect_true_manifest(folder_);
  const auto manifest = manifest_in(folder_);
  EXPECT_EQ(manifest.files.at(k_up).set, (std::vector<std::string>{k_up, k_down}));
  EXPECT_EQ(manifest.files.at(k_vllm).source["word"], "a");
  EXPECT_EQ(manifest.files.at(k_vllm).database, "db1");
  EXPECT_EQ(manifest.tool_version, "1.0");
}

TEST_F(FolderTest, AnEmptyPublicationMakesTheFolderThatSglangInsistsOn) {
  update(publication_of({}));
  EXPECT_TRUE(fs::is_directory(folder_ / "configs"));
  EXPECT_TRUE(manifest_in(folder_).files.empty());
}

TEST_F(FolderTest, AgainTouchesNothing) {
  const auto publication = publication_of({set_of({k_vllm}, "a"), set_of({k_up, k_down}, "b")});
  update(publication);
  for (const auto& path : {k_vllm, k_up, k_down, std::string(k_manifest_name)}) make_old(folder_ / path);
  const auto report = update(publication);
  EXPECT_THAT(report.written, IsEmpty());
  EXPECT_THAT(report.unchanged, UnorderedElementsAre(k_vllm, k_up, k_down));
  for (const auto& path : {k_vllm, k_up, k_down, std::string(k_manifest_name)}) {
    EXPECT_EQ(facts_of(folder_ / path).st_mtim.tv_nsec, 7) << path;
  }
}

TEST_F(FolderTest, AFileThatStaysKeepsItsTimeBesideOneThatChanges) {
  update(publication_of({set_of({k_vllm}, "same"), set_of({k_other}, "old")}));
  make_old(folder_ / k_vllm);
  const auto inode = facts_of(folder_ / k_vllm).st_ino;
  const auto report = update(publication_of({set_of({k_vllm}, "same"), set_of({k_other}, "new")}));
  EXPECT_THAT(report.written, ElementsAre(k_other));
  EXPECT_THAT(report.unchanged, ElementsAre(k_vllm));
  EXPECT_EQ(facts_of(folder_ / k_vllm).st_mtim.tv_sec, 1000);
  EXPECT_EQ(facts_of(folder_ / k_vllm).st_ino, inode);
  EXPECT_EQ(file_bytes(folder_ / k_other), "new of " + k_other + "\n");
}

TEST_F(FolderTest, AChangeOfTheSourceAloneReachesTheManifest) {
  update(publication_of({set_of({k_vllm}, "same")}));
  make_old(folder_ / k_vllm);
  auto set = set_of({k_vllm}, "same");
  set.source = {{"sweep", 2}};
  EXPECT_THAT(update(publication_of({set})).unchanged, ElementsAre(k_vllm));
  EXPECT_EQ(manifest_in(folder_).files.at(k_vllm).source, (nlohmann::ordered_json{{"sweep", 2}}));
  EXPECT_EQ(facts_of(folder_ / k_vllm).st_mtim.tv_sec, 1000);
}

TEST_F(FolderTest, SomebodyElsesFileStaysWithItsWholeSet) {
  write_file(folder_ / k_down, "mine");
  write_file(folder_ / k_vllm, "mine too");
  const auto publication = publication_of({set_of({k_vllm}, "a"), set_of({k_up, k_down}, "b"), set_of({k_other}, "c")});
  const auto report = update(publication);
  EXPECT_EQ(view_of(folder_), (View{{k_vllm, "mine too"}, {k_down, "mine"}, {k_other, "c of " + k_other + "\n"}}));
  ASSERT_EQ(report.refused.size(), 3U);
  EXPECT_EQ(report.refused[0], (Note{k_vllm, "moetune did not write it, or somebody changed it"}));
  EXPECT_EQ(report.refused[1], (Note{k_up, "it belongs to " + k_down + ", which cannot be written"}));
  EXPECT_EQ(report.refused[2].path, k_down);
  EXPECT_THAT(report.written, ElementsAre(k_other));
  expect_true_manifest(folder_, {k_vllm, k_down});
  EXPECT_THAT(update(publication, Force::yes).written, UnorderedElementsAre(k_vllm, k_up, k_down));
  EXPECT_EQ(file_bytes(folder_ / k_down), "b of " + k_down + "\n");
  expect_true_manifest(folder_);
}

TEST_F(FolderTest, LeavesNoTraceWhereEverythingIsRefused) {
  write_file(folder_ / k_vllm, "mine");
  EXPECT_EQ(update(publication_of({set_of({k_vllm}, "a")})).refused.size(), 1U);
  EXPECT_THAT(names_in(folder_), ElementsAre(k_vllm));
  write_file(folder_ / k_manifest_name, "mine too");
  const auto refused = update_folder(folder_, publication_of({set_of({k_other}, "a")}), Force::no);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::conflict);
  EXPECT_THAT(names_in(folder_), UnorderedElementsAre(k_vllm, std::string(k_manifest_name)));
}

TEST_F(FolderTest, LeavesNoFoldersWhereNoneCanBeMade) {
  const auto publication = publication_of({set_of({k_vllm}, "a")});
  EXPECT_FALSE(update_folder(root_ / "new" / std::string(300, 'x'), publication, Force::no));
  EXPECT_THAT(names_in(root_), IsEmpty());
}

TEST_F(FolderTest, AFolderWhereNothingCameBeforeIsPublishedIntoOnceTheWayIsFree) {
  write_file(folder_ / k_vllm, "mine");
  const auto publication = publication_of({set_of({k_vllm}, "a")});
  update(publication);
  fs::remove(folder_ / k_vllm);
  EXPECT_THAT(update(publication).written, ElementsAre(k_vllm));
  EXPECT_TRUE(fs::is_directory(folder_ / "configs"));
  expect_true_manifest(folder_);
}

TEST_F(FolderTest, TheGenerationBeforeStaysWhileOthersLookAtTheFolder) {
  update(publication_of({set_of({k_vllm}, "first")}));
  const auto first = fs::canonical(folder_ / k_vllm);
  const auto second = publication_of({set_of({k_vllm}, "second")});
  update(second);
  for (int round = 0; round < 3; ++round) {
    update(second);
    EXPECT_EQ(file_bytes(first), "first of " + k_vllm + "\n") << "an engine may be on its way to it";
  }
  update(publication_of({set_of({k_vllm}, "third")}));
  update(publication_of({set_of({k_vllm}, "third")}));
  EXPECT_FALSE(fs::exists(first)) << "the one before is enough";
}

TEST_F(FolderTest, AFileWithTheSameBytesIsAdopted) {
  write_file(folder_ / k_vllm, "a of " + k_vllm + "\n");
  EXPECT_THAT(update(publication_of({set_of({k_vllm}, "a")})).refused, IsEmpty());
  expect_true_manifest(folder_);
  update(publication_of({set_of({k_vllm}, "b")}));
  EXPECT_EQ(file_bytes(folder_ / k_vllm), "b of " + k_vllm + "\n");
}

TEST_F(FolderTest, AFileThatSomebodyChangedIsHisFromThenOn) {
  update(publication_of({set_of({k_vllm}, "old"), set_of({k_other}, "old")}));
  write_file(folder_ / k_vllm, "changed through the link");
  fs::remove(folder_ / k_other);
  write_file(folder_ / k_other, "put in its place");
  const auto next = publication_of({set_of({k_vllm}, "new"), set_of({k_other}, "new")});
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(update(next).refused.size(), 2U);
    EXPECT_EQ(view_of(folder_), (View{{k_vllm, "changed through the link"}, {k_other, "put in its place"}}));
    EXPECT_TRUE(manifest_in(folder_).files.empty());
    EXPECT_FALSE(fs::is_symlink(folder_ / k_vllm));
  }
  update(next, Force::yes);
  EXPECT_EQ(file_bytes(folder_ / k_vllm), "new of " + k_vllm + "\n");
  expect_true_manifest(folder_);
}

TEST_F(FolderTest, AFileThatNoRowsMakeAnyMoreStaysAndIsNamed) {
  update(publication_of({set_of({k_vllm}, "a"), set_of({k_up, k_down}, "b")}));
  auto next = publication_of({set_of({k_vllm}, "a")});
  next.left_out.push_back({k_up, "the sweep was discarded"});
  for (int round = 0; round < 2; ++round) {
    const auto report = update(next);
    EXPECT_THAT(report.lost, UnorderedElementsAre(Note{k_up, "the sweep was discarded"},
                                                  Note{k_down, "no trusted rows made it this time"}));
    EXPECT_EQ(view_of(folder_).size(), 3U);
    EXPECT_EQ(manifest_in(folder_).files.at(k_up).lost, "the sweep was discarded");
    expect_true_manifest(folder_);
  }
  fs::remove(folder_ / k_up);
  fs::remove(folder_ / k_down);
  EXPECT_THAT(update(next).lost, IsEmpty());
  EXPECT_EQ(manifest_in(folder_).files.size(), 1U);
  update(publication_of({set_of({k_vllm}, "a"), set_of({k_up, k_down}, "again")}));
  EXPECT_EQ(manifest_in(folder_).files.at(k_up).lost, std::nullopt);
}

TEST_F(FolderTest, FilesThatWereNotAskedForAreLeftAsTheyAre) {
  auto recorded = set_of({k_up, k_down}, "recorded");
  recorded.source["exceptions"] = {k_allow_recorded};
  auto others = set_of({k_other}, "of another kernel");
  others.source["kernel"] = "cuda";
  auto wide = publication_of({set_of({k_vllm}, "gone"), recorded, others});
  wide.scope = {{{"vllm", "vllm"}, {"vllm", "cuda"}}, {std::string(k_allow_recorded)}};
  update(wide);
  const auto before = manifest_in(folder_).files;
  auto narrow = publication_of({});
  narrow.left_out.push_back({k_up, "its rows come from a recording"});
  for (int round = 0; round < 2; ++round) {
    EXPECT_THAT(update(narrow).lost, ElementsAre(Note{k_vllm, "no trusted rows made it this time"}));
    const auto files = manifest_in(folder_).files;
    for (const auto& path : {k_up, k_down, k_other}) EXPECT_EQ(files.at(path), before.at(path)) << path;
    EXPECT_TRUE(files.at(k_vllm).lost);
    expect_true_manifest(folder_);
  }
  wide.sets.clear();
  EXPECT_EQ(update(wide).lost.size(), 4U) << "one that asks for all of them may judge them";
}

TEST_F(FolderTest, AFileThatWasRemovedComesBackWhileRowsMakeIt) {
  const auto publication = publication_of({set_of({k_vllm}, "a")});
  update(publication);
  fs::remove(folder_ / k_vllm);
  EXPECT_THAT(update(publication).written, ElementsAre(k_vllm));
  EXPECT_EQ(file_bytes(folder_ / k_vllm), "a of " + k_vllm + "\n");
}

TEST_F(FolderTest, AnotherDatabasesFileIsNotReplacedUnasked) {
  update(publication_of({set_of({k_vllm}, "first"), set_of({k_other}, "first")}, "db1"));
  const auto second = publication_of({set_of({k_vllm}, "second")}, "db2");
  const auto report = update(second);
  EXPECT_THAT(report.refused, ElementsAre(Note{k_vllm, "it was published from the database db1"}));
  EXPECT_THAT(report.lost, IsEmpty()) << "the other database's rows are not ours to judge";
  EXPECT_EQ(file_bytes(folder_ / k_vllm), "first of " + k_vllm + "\n");
  update(second, Force::yes);
  EXPECT_EQ(manifest_in(folder_).files.at(k_vllm).database, "db2");
  EXPECT_EQ(manifest_in(folder_).files.at(k_other).database, "db1");
  expect_true_manifest(folder_);
}

TEST_F(FolderTest, AFolderInTheWayIsNeverReplaced) {
  write_file(folder_ / k_vllm / "inside", "x");
  const auto report = update(publication_of({set_of({k_vllm}, "a"), set_of({k_other}, "a")}), Force::yes);
  EXPECT_THAT(report.refused, ElementsAre(Note{k_vllm, "something that is no file is in the way"}));
  EXPECT_EQ(file_bytes(folder_ / k_vllm / "inside"), "x");
  EXPECT_EQ(file_bytes(folder_ / k_other), "a of " + k_other + "\n");
}

TEST_F(FolderTest, AForcedUpdateReplacesALinkToAFolderAndNotTheFolder) {
  fs::create_directories(root_ / "elsewhere");
  fs::create_directories(folder_);
  fs::create_directory_symlink(root_ / "elsewhere", folder_ / k_vllm);
  EXPECT_THAT(update(publication_of({set_of({k_vllm}, "a")}), Force::yes).written, ElementsAre(k_vllm));
  EXPECT_EQ(file_bytes(folder_ / k_vllm), "a of " + k_vllm + "\n");
  EXPECT_TRUE(fs::is_empty(root_ / "elsewhere"));
}

TEST_F(FolderTest, ALinkInPlaceOfAFolderIsNotFollowed) {
  fs::create_directories(root_ / "elsewhere");
  fs::create_directories(folder_ / "configs");
  fs::create_directory_symlink(root_ / "elsewhere", folder_ / "configs" / "triton_3_6_0");
  const auto refused = update_folder(folder_, publication_of({set_of({k_up, k_down}, "a")}), Force::no);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("triton_3_6_0 has to be a folder"));
  EXPECT_TRUE(fs::is_empty(root_ / "elsewhere"));
}

TEST_F(FolderTest, ADamagedManifestIsRefusedByNameAndForcedAnew) {
  update(publication_of({set_of({k_vllm}, "a")}));
  write_file(folder_ / k_manifest_name, "{}");
  const auto refused = update_folder(folder_, publication_of({set_of({k_vllm}, "b")}), Force::no);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::data_damaged);
  EXPECT_THAT(refused.error().message, HasSubstr((folder_ / k_manifest_name).string()));
  EXPECT_EQ(file_bytes(folder_ / k_vllm), "a of " + k_vllm + "\n");
  update(publication_of({set_of({k_vllm}, "b")}), Force::yes);
  expect_true_manifest(folder_);
}

TEST_F(FolderTest, ACopyOfTheFolderWorksLikeTheFolder) {
  const auto publication = publication_of({set_of({k_vllm}, "a"), set_of({k_up, k_down}, "b")});
  update(publication);
  const auto before = view_of(folder_);
  fs::rename(folder_, root_ / "moved");
  EXPECT_EQ(view_of(root_ / "moved"), before);
  folder_ = root_ / "moved";
  EXPECT_EQ(update(publication).unchanged.size(), 3U);
}

TEST_F(FolderTest, ASlashAtTheEndChangesNothing) {
  folder_ = root_ / "published/";
  fs::create_directories(folder_);
  fs::create_symlink(".moetune/current/E=1,N=1,device_name=A", folder_ / "E=1,N=1,device_name=A.json");
  const auto publication = publication_of({set_of({k_vllm}, "a"), set_of({k_up, k_down}, "b")});
  update(publication);
  EXPECT_EQ(update(publication).unchanged.size(), 3U);
  EXPECT_FALSE(fs::is_symlink(folder_ / "E=1,N=1,device_name=A.json")) << "a link that leads nowhere";
  expect_true_manifest(folder_);
}

TEST_F(FolderTest, WaitsForNobodyForEver) {
  update(publication_of({}));
  const int lock = ::open((folder_ / ".moetune" / "lock").c_str(), O_RDONLY | O_CLOEXEC);
  ASSERT_EQ(::flock(lock, LOCK_EX), 0);
  const auto refused = update_folder(folder_, publication_of({}), Force::no);
  ::close(lock);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::conflict);
  EXPECT_THAT(refused.error().message, HasSubstr(folder_.string()));
}

TEST_F(FolderTest, WhatCannotBeWrittenIsNamed) {
  write_file(root_ / "file", "x");
  const auto refused = update_folder(root_ / "file" / "below", publication_of({}), Force::no);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::io);
  EXPECT_THAT(refused.error().message, HasSubstr((root_ / "file").string()));
}

}  // namespace
}  // namespace moetune::schema::publish
