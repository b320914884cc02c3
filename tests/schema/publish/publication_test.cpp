#include "schema/publish/publication.hpp"

#include <gtest/gtest.h>

#include "schema/publish/manifest.hpp"

namespace moetune::schema::publish {
namespace {

const std::string k_file = "E=8,N=512,device_name=A.json";
const std::string k_down = "configs/triton_3_6_0/E=8,N=512,device_name=A_down.json";

TEST(PublicationTest, OnlyPathsThatEnginesReadArePublishable) {
  for (const char* path :
       {"E=8,N=512,device_name=A.json", "E=8,N=512,device_name=A,dtype=fp8_w8a8,block_shape=[1,2].json",
        "configs/triton_3_6_0/E=8,N=512,device_name=A_down.json",
        "configs/triton_3_6_0/E=8,N=512,device_name=A,dtype=fp8_w8a8,block_shape=[1, 2].json"}) {
    EXPECT_TRUE(is_publishable(path)) << path;
  }
  const std::string long_name(260, 'x');
  for (const std::string& path :
       {std::string(),
        std::string(".json"),
        std::string("moetune.json"),
        std::string("../x.json"),
        std::string("/x.json"),
        std::string("a/x.json"),
        std::string("configs/x.json"),
        std::string("configs/triton_/x.json"),
        std::string("configs/triton_3_6_0+git/x.json"),
        std::string("configs/triton_3_6_0/../x.json"),
        std::string("configs/../x.json"),
        std::string(".x.json"),
        std::string("configs/triton_3_6_0/.json"),
        std::string("x.txt"),
        std::string("x\n.json"),
        std::string("x\0.json", 7),
        "E=8,N=512,device_name=" + long_name + ".json",
        std::string("manifest.json"),
        std::string("configs.json"),
        std::string("config.json"),
        std::string("E=8,N=512,device_name=A\n.json"),
        std::string("E=8,N=512,device_name=A.txt"),
        std::string("E=08,N=512,device_name=A.json"),
        std::string("E=8,N=512,device_name=../A.json"),
        std::string("E=8,N=512,device_name=A_down.json"),
        std::string("configs/triton_3_6_0/configs.json"),
        std::string("E=8,N=512,device_name=A,dtype=fp8_w8a8,block_shape=[1, 2].json"),
        std::string("configs/triton_3_6_0/E=8,N=512,device_name=A,dtype=fp8_w8a8,block_shape=[1,2].json")}) {
    EXPECT_FALSE(is_publishable(path)) << path;
  }
}

TEST(PublicationTest, ComesBackFromJsonAsItWas) {
  Publication publication{"db", "1.0", {{{"vllm", "cuda"}}, {"allow_gaps"}}, {}, {{"b.json", "why"}}, {"cuda"}};
  publication.sets.push_back({{{k_file, "{}\n"}, {k_down, "{ }\n"}}, {{"z", 1}, {"a", 2}}});
  const auto json = to_json(publication);
  const auto back = publication_from_json(json);
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(back->scope, publication.scope);
  EXPECT_EQ(to_json(*back).dump(), json.dump());
}

TEST(PublicationTest, WhatIsNoPublicationIsRefused) {
  Publication publication{"db", "1.0", {}, {}, {}, {}};
  publication.sets.push_back({{{"../a.json", "{}\n"}}, nullptr});
  EXPECT_FALSE(publication_from_json(to_json(publication)));
  publication.sets = {{{}, nullptr}};
  EXPECT_FALSE(publication_from_json(to_json(publication)));
  for (const char* text : {"null", "[]", "{}", R"({"database":1})"}) {
    EXPECT_FALSE(publication_from_json(nlohmann::ordered_json::parse(text))) << text;
  }
}

TEST(ManifestTest, ComesBackFromTextAsItWas) {
  Manifest manifest{"1.0", "2026-11-21T20:00:00Z", {}};
  manifest.files[k_file] = {"ab", "db", {k_file, k_down}, "gone", {{"z", 1}, {"a", 2}}};
  manifest.files[k_down] = {"cd", "db", {k_down}, std::nullopt, nullptr};
  const auto back = manifest_from_text(to_text(manifest), "x");
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(back->files, manifest.files);
  EXPECT_EQ(back->tool_version, "1.0");
  EXPECT_EQ(back->written_at, "2026-11-21T20:00:00Z");
}

TEST(ManifestTest, AnotherFormatIsRefused) {
  for (const char* text : {"", "{}", "[]", R"({"format":2,"tool_version":"","written_at":"","files":{}})",
                           R"({"format":1,"tool_version":"","written_at":"","files":{"a.json":{}}})"}) {
    EXPECT_FALSE(manifest_from_text(text, "x")) << text;
  }
}

TEST(ManifestTest, APathThatLeadsElsewhereIsRefused) {
  for (const char* path : {"a", "../../etc/x.json", "configs/../x.json", "", "config.json"}) {
    Manifest manifest{"1.0", "2026-11-21T20:00:00Z", {}};
    manifest.files[path] = {"ab", "db", {path}, std::nullopt, nullptr};
    const auto refused = manifest_from_text(to_text(manifest), "DIR/moetune.json");
    ASSERT_FALSE(refused) << path;
    EXPECT_EQ(refused.error().message, "DIR/moetune.json names \"" + std::string(path) + "\", which no engine reads");
  }
}

}  // namespace
}  // namespace moetune::schema::publish
