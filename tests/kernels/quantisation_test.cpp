#include "kernels/quantisation.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/kernels/problem_forms.hpp"

namespace moetune::kernels {
namespace {

using schema::Dtype;
using ::testing::HasSubstr;
using testing::ProblemForm;

schema::Problem problem_of(Dtype dtype, std::optional<schema::BlockShape> block = {}, bool per_channel = false) {
  return ProblemForm{.name = "", .dtype = dtype, .block_shape = block, .per_channel_quant = per_channel}.of(8, 192, 320,
                                                                                                            2);
}

TEST(MeasurableTest, TakesEveryFormThatTheTritonKernelsCompute) {
  for (const auto& form : testing::all_forms()) EXPECT_TRUE(check_measurable(form.of(8, 192, 320, 2))) << form.name;
}

TEST(MeasurableTest, NamesWhatNoKernelComputesHere) {
  const auto reason = [](const schema::Problem& problem) { return check_measurable(problem).error().message; };
  EXPECT_THAT(reason(problem_of(Dtype::int4_w4a16, schema::BlockShape{0, 128})),
              HasSubstr("int4_w4a16 with block_shape runs in another kernel of the engines (wna16)"));
  EXPECT_THAT(reason(problem_of(Dtype::int8_w8a16, schema::BlockShape{0, 128})), HasSubstr("wna16"));
  for (const auto dtype : {Dtype::int8_w8a8, Dtype::fp8_w8a16, Dtype::float32}) {
    EXPECT_THAT(reason(problem_of(dtype)), HasSubstr(std::string(name_of(dtype)) + " cannot be measured"));
  }
  EXPECT_THAT(reason(problem_of(Dtype::fp8_w8a8, schema::BlockShape{0, 128})), HasSubstr("not [0,128]"));
  EXPECT_THAT(reason(problem_of(Dtype::fp8_w8a8, schema::BlockShape{128, 128}, true)), HasSubstr("exclude each other"));
}

TEST(ScaleTest, CountsAreThoseOfTheEnginesTensors) {
  struct Counts {
    const char* form;
    schema::Problem problem;
    std::int64_t a, w;
  };
  // A (7, 320) and W (8, 384, 320).
  for (const auto& [form, problem, a, w] :
       {Counts{"bf16", problem_of(Dtype::none), 0, 0},
        Counts{"blocks", problem_of(Dtype::fp8_w8a8, schema::BlockShape{128, 128}), 7 * 3, 8 * 3 * 3},
        Counts{"per channel", problem_of(Dtype::fp8_w8a8, {}, true), 7, 8 * 384},
        Counts{"per tensor", problem_of(Dtype::fp8_w8a8), 1, 8},
        Counts{"int8", problem_of(Dtype::int8_w8a16), 0, 8 * 384},
        Counts{"int8, said twice", problem_of(Dtype::int8_w8a16, {}, true), 0, 8 * 384}}) {
    EXPECT_EQ(activation_scales(problem, 7, 384, 320), a) << form;
    EXPECT_EQ(weight_scales(problem, 384, 320), w) << form;
  }
}

TEST(OperandTest, OnlyTheWeightsOfW8A16AreBytes) {
  const auto int8 = problem_of(Dtype::int8_w8a16);
  EXPECT_EQ(activation_operand(int8), Operand::bfloat16);
  EXPECT_EQ(weight_operand(int8), Operand::int8);
  EXPECT_FALSE(quantises_activations(int8));
  EXPECT_EQ(activation_operand(problem_of(Dtype::fp8_w8a8)), Operand::fp8_e4m3);
  EXPECT_EQ(weight_operand(problem_of(Dtype::fp8_w8a8)), Operand::fp8_e4m3);
  EXPECT_EQ(bytes_of(Operand::int8), 1);
}

}  // namespace
}  // namespace moetune::kernels
