#include "schema/strict_json.hpp"

#include <gtest/gtest.h>

namespace moetune::schema {
namespace {

std::string message_of(std::string_view text) {
  const auto parsed = parse_json(text, "body");
  return parsed ? "" : parsed.error().message;
}

TEST(StrictJsonTest, AcceptsPlainJson) {
  EXPECT_EQ(parse_json(R"({"a": [1, 2.5, "x", null]})", "body")->dump(), R"({"a":[1,2.5,"x",null]})");
}

TEST(StrictJsonTest, NamesTheFieldThatAppearsTwice) {
  EXPECT_EQ(message_of(R"({"E": 1, "E": 2})"), "body is not valid JSON: field \"E\" appears twice");
  EXPECT_EQ(message_of(R"({"a": {"E": 1}, "b": {"E": 2}})"), "");
}

TEST(StrictJsonTest, RefusesDeepNestingWithoutRecursion) {
  EXPECT_NE(message_of(std::string(200'000, '[')).find("nested deeper than 32 levels"), std::string::npos);
  std::string deep(31, '[');
  deep += std::string(31, ']');
  EXPECT_EQ(message_of(deep), "");
}

TEST(StrictJsonTest, RefusesBrokenTextAndBrokenUtf8) {
  for (const std::string text : {"", "{", "{\"a\":1,}", "nul", "{} {}", "\"\xff\"", "[1e999]", "// x\n{}"}) {
    EXPECT_NE(message_of(text).find("body is not valid JSON: "), std::string::npos) << text;
  }
}

struct BadField {
  const char* json;
  const char* message;
};

class ObjectReaderTest : public testing::TestWithParam<BadField> {};

TEST_P(ObjectReaderTest, NamesTheCulprit) {
  const auto value = nlohmann::json::parse(GetParam().json);
  ObjectReader reader(value, "thing");
  reader.integer("count", 1, 100);
  reader.optional_text("name", 5);
  reader.boolean_or("flag", false);
  reader.integers("list", 0, 9, 2);
  reader.optional_number("ratio", 0, 1);
  const auto done = reader.finish();
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(done.error().message, GetParam().message);
}

INSTANTIATE_TEST_SUITE_P(
    Table, ObjectReaderTest,
    testing::Values(BadField{"[]", "thing must be a JSON object, not []"},
                    BadField{"{}", "thing.count is required and missing"},
                    BadField{R"({"count": "1"})", "thing.count must be an integer, not \"1\""},
                    BadField{R"({"count": 1.5})", "thing.count must be an integer, not 1.5"},
                    BadField{R"({"count": true})", "thing.count must be an integer, not true"},
                    BadField{R"({"count": -1})", "thing.count must be between 1 and 100, not -1"},
                    BadField{R"({"count": 18446744073709551615})",
                             "thing.count must be between 1 and 100, not 18446744073709551615"},
                    BadField{R"({"count": 1, "name": 3})", "thing.name must be a string, not 3"},
                    BadField{R"({"count": 1, "name": "123456"})", "thing.name is 6 bytes long, at most 5 are allowed"},
                    BadField{R"({"count": 1, "flag": 1})", "thing.flag must be true or false, not 1"},
                    BadField{R"({"count": 1, "list": [1, "2"]})", "thing.list must be an integer, not \"2\""},
                    BadField{R"({"count": 1, "list": [1, 2, 3]})", "thing.list has 3 elements, at most 2 are allowed"},
                    BadField{R"({"count": 1, "ratio": 2})", "thing.ratio must be between 0 and 1, not 2"},
                    BadField{R"({"count": 1, "cuont": 2})",
                             "thing has no field \"cuont\"; its fields are count, flag, list, name, ratio"}));

TEST(ObjectReaderTest, KeepsTheFirstErrorOnly) {
  const auto value = nlohmann::json::parse(R"({"a": "x", "b": "y"})");
  ObjectReader reader(value, "thing");
  EXPECT_EQ(reader.integer("a", 3, 9), 3);
  reader.integer("b", 0, 9);
  EXPECT_EQ(reader.finish().error().message, "thing.a must be an integer, not \"x\"");
}

}  // namespace
}  // namespace moetune::schema
