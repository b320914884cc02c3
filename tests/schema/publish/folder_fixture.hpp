#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "schema/publish/folder.hpp"
#include "schema/publish/manifest.hpp"
#include "tests/file_bytes.hpp"

namespace moetune::schema::publish {

/// Files that engines see, by path below the folder.
using View = std::map<std::string, std::string>;

inline const std::string k_vllm = "E=8,N=512,device_name=NVIDIA_H200.json";
inline const std::string k_other = "E=16,N=512,device_name=NVIDIA_H200.json";
inline const std::string k_up = "configs/triton_3_6_0/E=8,N=512,device_name=NVIDIA_H200.json";
inline const std::string k_down = "configs/triton_3_6_0/E=8,N=512,device_name=NVIDIA_H200_down.json";

/// A set of files with the same word in their bytes and their source, made from rows of vLLM's kernel.
FileSet set_of(const std::vector<std::string>& paths, const std::string& word);
/// Of vLLM's kernel, without exceptions.
Publication publication_of(std::vector<FileSet> sets, const std::string& database = "db1");

void write_file(const std::filesystem::path& path, const std::string& bytes);
/// All *.json that an engine could open: in the folder and below configs/; the manifest is left out.
View view_of(const std::filesystem::path& folder);
/// The manifest, empty where there is none. A damaged one fails the test.
Manifest manifest_in(const std::filesystem::path& folder);
/// Whether the manifest says exactly what there is, but for files that it does not name.
void expect_true_manifest(const std::filesystem::path& folder, const std::vector<std::string>& foreign = {});

class FolderTest : public testing::Test {
 protected:
  FolderTest();
  ~FolderTest() override;
  Report update(const Publication& publication, Force force = Force::no);

  std::filesystem::path root_;
  std::filesystem::path folder_;
};

}  // namespace moetune::schema::publish
