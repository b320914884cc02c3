#include "schema/problem.hpp"

#include <gtest/gtest.h>

namespace moetune::schema {
namespace {

Result<Problem> parsed(const char* text, Absent absent = Absent::none) {
  const auto value = nlohmann::json::parse(text);
  ObjectReader reader(value, "problem");
  const Problem problem = read_problem(reader, absent);
  if (auto done = reader.finish(); !done) return std::unexpected(done.error());
  return problem;
}

TEST(ProblemTest, ReadsWhatItWrites) {
  const Problem problem{256, 512, 2048, 8, Dtype::fp8_w8a8, ActDtype::float16, BlockShape{128, 64}, false, false, true};
  nlohmann::ordered_json object;
  write_problem(problem, object);
  EXPECT_EQ(parsed(object.dump().c_str()).value(), problem);
  EXPECT_EQ(short_text(problem),
            "E=256,N=512,hidden_size=2048,topk=8,fp8_w8a8,block_shape=[128,64],not gated,router_weight_on_input");
}

TEST(ProblemTest, AbsentFieldsHaveTheDocumentedDefaults) {
  const auto problem = parsed(R"({"E": 8, "N": 64, "hidden_size": 128, "topk": 2})");
  EXPECT_EQ(problem.value(),
            (Problem{8, 64, 128, 2, Dtype::none, ActDtype::bfloat16, std::nullopt, true, false, false}));
  EXPECT_EQ(parsed(R"({"E": 8, "N": 64, "hidden_size": 128, "topk": 2})", Absent::error).error().message,
            "problem.dtype is required and missing");
}

TEST(ProblemTest, NamesWhatDoesNotFitTogether) {
  EXPECT_EQ(parsed(R"({"E": 4, "N": 64, "hidden_size": 128, "topk": 8})").error().message,
            "topk must be at most E: topk is 8, E is 4");
  EXPECT_NE(parsed(R"({"E": 4, "N": 64, "hidden_size": 128, "topk": 2, "block_shape": [128, 128]})")
                .error()
                .message.find("block_shape needs a quantised dtype"),
            std::string::npos);
  EXPECT_NE(parsed(R"({"E": 4, "N": 64, "hidden_size": 128, "topk": 2, "dtype": "bf16"})")
                .error()
                .message.find("dtype \"bf16\" is not known"),
            std::string::npos);
  EXPECT_NE(parsed(R"({"E": 4, "N": 64, "hidden_size": 128, "topk": 2, "dtype": "fp8_w8a8", "block_shape": [128]})")
                .error()
                .message.find("block_shape"),
            std::string::npos);
}

TEST(BlockShapeTest, ReadsTheFormsThatPeopleType) {
  for (const char* text : {"128,64", "[128,64]", "[128, 64]", " 128 , 64 "}) {
    EXPECT_EQ(block_shape_from_text(text).value(), (BlockShape{128, 64})) << text;
  }
  for (const char* text : {"", "128", "128,", "a,b", "128,64,32", "-1,128", "99999999999,1"}) {
    EXPECT_FALSE(block_shape_from_text(text)) << text;
  }
}

}  // namespace
}  // namespace moetune::schema
