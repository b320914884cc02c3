#include "cli/warning_text.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/cli/program.hpp"

namespace moetune::cli {
namespace {

using schema::ErrorCode;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

const std::string k_missing =
    "Using default MoE config. Performance might be sub-optimal! Config file not found at "
    "/x/vllm/configs/E=256,N=512,device_name=NVIDIA_H200,dtype=fp8_w8a8,block_shape=[128,128].json\n";
const std::string k_found =
    "Using configuration from /x/vllm/E=64,N=1408,device_name=NVIDIA_H200.json for MoE layer.\n";
const std::string k_cutlass = "Using FLASHINFER_CUTLASS Fp8 MoE backend out of potential backends: ['TRITON'].\n";
const std::string k_triton = "Using TritonExperts MoE backend\n";

class WarningTextTest : public testing::Test {
 protected:
  WarningText file(const std::string& bytes) const {
    return read_warning(folder_.file("engine.log", bytes).string()).value();
  }
  schema::Error refusal(const std::string& log) const {
    const auto files = files_to_tune(file(log));
    EXPECT_FALSE(files) << log;
    return files ? schema::Error() : files.error();
  }

  TemporaryFolder folder_;
};

TEST_F(WarningTextTest, ReadsAFileAndALineAlike) {
  EXPECT_EQ(file("noise\n" + k_missing).findings, read_warning(k_missing).value().findings);
  EXPECT_TRUE(file(k_missing).is_file);
  EXPECT_FALSE(read_warning(k_missing).value().is_file);
}

TEST_F(WarningTextTest, RefusesWhatCannotBeRead) {
  EXPECT_THAT(read_warning((folder_.path() / "none.log").string()).error().message, HasSubstr("there is no file"));
  EXPECT_THAT(read_warning(folder_.path().string()).error().message, HasSubstr("it is a folder"));
  for (const std::string start : {"\x1f\x8b\x08", "\x28\xb5\x2f\xfd", "BZh9"}) {
    const auto path = folder_.file("packed", start + std::string(100, '\1')).string();
    EXPECT_THAT(read_warning(path).error().message, HasSubstr("is compressed")) << path;
  }
  EXPECT_EQ(read_warning(std::string(100'000, 'x')).error().code, ErrorCode::invalid_argument);
}

TEST_F(WarningTextTest, ALongLogIsReadInPieces) {
  std::string log;
  while (log.size() < 3'000'000) log += "(Worker_TP0 pid=42) INFO 06-14 04:57:13 [x.py:1] Loading weights took 1.5 s\n";
  EXPECT_THAT(file(log + k_missing + log).findings.missing, SizeIs(1));
}

TEST_F(WarningTextTest, TellsWhyThereIsNothingToTune) {
  for (const auto& [log, why] : {std::pair{k_cutlass + k_missing, "FLASHINFER_CUTLASS"},
                                 {k_cutlass, "FLASHINFER_CUTLASS"},
                                 {k_found, "E=64,N=1408"},
                                 {k_found + k_found, "was found"},
                                 {"VLLM_BATCH_INVARIANT=1\n" + k_missing, "VLLM_BATCH_INVARIANT=1"},
                                 {std::string("Using default W8A8 Block FP8 kernel config. Performance might be "
                                              "sub-optimal! Config file not found at /x/N=8,K=8,device_name=X.json"),
                                  "dense"}}) {
    const auto error = refusal(log);
    EXPECT_EQ(error.code, ErrorCode::not_found) << log;
    EXPECT_THAT(error.message, AllOf(HasSubstr("nothing to tune"), HasSubstr(why))) << log;
  }
}

TEST_F(WarningTextTest, SaysWhatSuchALineLooksLike) {
  for (const auto& log :
       {std::string(), std::string("noise\n"), k_triton, "/x/E=8,N=512,device_name=X.json\n" + k_triton}) {
    const auto error = refusal(log);
    EXPECT_EQ(error.code, ErrorCode::invalid_argument) << log;
    EXPECT_THAT(error.message, AllOf(HasSubstr("--warning: no line"), HasSubstr("Config file not found at"))) << log;
  }
  EXPECT_THAT(refusal("Config file not found at /x/E=8,N=512,device_name=NVI").message, HasSubstr("breaks off"));
}

TEST_F(WarningTextTest, GoesOnWhereSomeLayersRunInTheKernelThatReadsFiles) {
  const auto warning = file(k_cutlass + k_triton + k_found + k_missing);
  const auto files = files_to_tune(warning);
  ASSERT_TRUE(files);
  EXPECT_THAT(*files, SizeIs(1));
  EXPECT_THAT(notes_on(warning), ElementsAre(HasSubstr("FLASHINFER_CUTLASS"), HasSubstr("E=64,N=1408")));
  EXPECT_THAT(notes_on(file(k_triton + k_missing)), IsEmpty());
}

TEST_F(WarningTextTest, ABareNameMeansItsFile) {
  const std::string name = "E=8,N=512,device_name=NVIDIA_H200.json";
  EXPECT_THAT(files_to_tune(read_warning(name).value()).value(), SizeIs(1));
  EXPECT_EQ(refusal(name).code, ErrorCode::invalid_argument);  // in a log it may be any of those that are there
}

TEST_F(WarningTextTest, BothFilesOfSglangAreOneProblem) {
  const std::string start =
      "Using default MoE kernel config. Performance might be sub-optimal! Config file not found at ";
  const auto files = files_to_tune(file(start + "/x/E=8,N=512,device_name=NVIDIA_L20.json, you can\n" + start +
                                        "/x/E=8,N=512,device_name=NVIDIA_L20_down.json, you can\n" + k_missing));
  ASSERT_TRUE(files);
  ASSERT_THAT(*files, SizeIs(2));
  EXPECT_EQ((*files)[0].text, "E=8,N=512,device_name=NVIDIA_L20.json");
  EXPECT_EQ((*files)[1].engine, schema::EngineFormat::vllm);
}

}  // namespace
}  // namespace moetune::cli
