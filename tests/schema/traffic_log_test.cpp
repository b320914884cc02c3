#include "schema/traffic_log.hpp"

#include <gtest/gtest.h>

#include "tests/must.hpp"

namespace moetune::schema {
namespace {

using Batches = std::vector<TrafficBatch>;

std::vector<Traffic> read_all(std::string_view text) {
  TrafficLog log;
  log.read(text);
  return must(log.finish("server.log"));
}

TrafficBatch counted(std::int64_t tokens, std::int64_t steps) {
  return {tokens, steps, std::nullopt};
}

std::string refusal(std::string_view text) {
  TrafficLog log;
  log.read(text);
  const auto found = log.finish("server.log");
  return found ? "" : found.error().message;
}

const std::string k_iterations =
    "(APIServer pid=1) INFO 08-24 10:00:00 [launcher.py:46] Route: /health, Methods: GET\n"
    "(EngineCore_DP0 pid=9) INFO 08-24 10:00:01 [core.py:407] Iteration(0): 2 context requests, 700 context tokens, 0 "
    "generation requests, 0 generation tokens, iteration elapsed time: 31.20 ms\n"
    "(EngineCore_DP0 pid=9) INFO 08-24 10:00:01 [core.py:407] Iteration(1): 1 context requests, 10 context tokens, 2 "
    "generation requests, 2 generation tokens, iteration elapsed time: 9.02 ms, GPU KV cache usage: 0.1%\n"
    "(EngineCore_DP0 pid=9) INFO 08-24 10:00:01 [core.py:407] Iteration(2): 0 context requests, 0 context tokens, 3 "
    "generation requests, 12 generation tokens, iteration elapsed time: 0.02 ms\n";

TEST(TrafficLogTest, AStepHasTheTokensOfBothKindsOfRequests) {
  const auto found = read_all(k_iterations);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0], (Traffic{"server.log", TrafficSource::iterations, 3, {counted(12, 2), counted(700, 1)}}));
}

TEST(TrafficLogTest, StepsThatComputeNothingAreNone) {
  EXPECT_NE(
      refusal("Iteration(4): 0 context requests, 0 context tokens, 0 generation requests, 0 generation tokens, x\n"
              "Iteration(5): 0 context requests, 0 context tokens, 1 generation requests, 1 generation tokens, "
              "iteration elapsed time: 5.00 ms (dummy)\n"),
      "");
}

TEST(TrafficLogTest, TablesOfCudaGraphsAddUpByPaddedTokens) {
  const std::string prefix = "(APIServer pid=1) INFO 08-24 10:00:00 [cuda_graph.py:111] ";
  const std::string head = prefix + "| Unpadded Tokens | Padded Tokens | Num Paddings | Runtime Mode | Count |\n" +
                           prefix + "|-----------------|---------------|--------------|--------------|-------|\n";
  const auto found = read_all("| 5 | 8 | 3 | FULL | 99 |\n" + head + prefix +
                              "| 5               | 8             | 3            | FULL         | 31    |\n" + prefix +
                              "| 415             | 415           | 0            | NONE         | 1     |\n" + head +
                              prefix + "| 8               | 8             | 0            | PIECEWISE    | 4     |\n" +
                              prefix + "| 8               | 9             | 0            | PIECEWISE    | 4     |\n");
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0], (Traffic{"server.log", TrafficSource::cudagraph, 3, {counted(8, 35), counted(415, 1)}}));
}

TEST(TrafficLogTest, TheLastLineOfAProcessHoldsAllOfItsSteps) {
  const std::string words =
      "INFO [forward_context.py:341] Batchsize forward time stats (batchsize, count, "
      "median_time(ms)): ";
  const auto found =
      read_all("(Worker_TP0 pid=7) " + words + "[(8, 10, 9.0)]\n(Worker_TP1 pid=8) " + words +
               "[(8, 30, 9.5), (512, 5, 40.0)]\n(Worker_TP0 pid=7) " + words + "[(8, 30, 8.5), (512, 5, 20.0)]\n");
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].source, TrafficSource::batch_times);
  EXPECT_EQ(found[0].lines, 3);
  EXPECT_EQ(found[0].batches, (Batches{{8, 60, 9.0}, {512, 10, 30.0}}));
}

TEST(TrafficLogTest, AnEngineThatWasStartedAnewCountsBesideItsFormerSelf) {
  const std::string words = "Batchsize forward time stats (batchsize, count, median_time(ms)): ";
  const auto found = read_all(words + "[(8, 10, 9.0)]\n" + words + "[(8, 100, 9.0)]\n" + words + "[(8, 2, 9.0)]\n");
  EXPECT_EQ(found.at(0).batches, (Batches{{8, 102, 9.0}}));
}

TEST(TrafficLogTest, BucketsOfAllEnginesAreAddedAndTheLastScrapeCounts) {
  const auto bucket = [](const char* engine, const char* le, const char* value) {
    return std::string("vllm:iteration_tokens_total_bucket{engine=\"") + engine + "\",le=\"" + le +
           "\",model_name=\"m\"} " + value + "\n";
  };
  const auto found = read_all("# TYPE vllm:iteration_tokens_total histogram\n" + bucket("0", "1.0", "2.0") +
                              bucket("0", "1.0", "3.0") + bucket("0", "8.0", "3.0") + bucket("0", "16.0", "13.0") +
                              bucket("0", "+Inf", "14.0") + bucket("1", "1.0", "0.0") + bucket("1", "8.0", "1.2e+06") +
                              "vllm:iteration_tokens_total_count{engine=\"0\"} 14.0\n");
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].source, TrafficSource::prometheus);
  EXPECT_EQ(found[0].lines, 7);
  EXPECT_EQ(found[0].batches, (Batches{counted(1, 3), counted(5, 1'200'000), counted(12, 10), counted(17, 1)}));
}

TEST(TrafficLogTest, OfSeveralSourcesTheMostTrustworthyComesFirst) {
  const auto found =
      read_all(k_iterations + "Batchsize forward time stats (batchsize, count, median_time(ms)): [(8, 30, 8.5)]\n");
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].source, TrafficSource::batch_times);
  EXPECT_EQ(found[1].source, TrafficSource::iterations);
}

TEST(TrafficLogTest, PiecesColoursAndEscapesMakeNoDifference) {
  std::string escaped = R"({"log":")";
  for (const char c : k_iterations) escaped += c == '\n' ? std::string("\\n") : std::string(1, c);
  escaped += "\"}";
  EXPECT_EQ(read_all(escaped), read_all(k_iterations));
  std::string coloured = "\x1b[0;36m" + k_iterations + "\x1b[0m";
  TrafficLog log;
  for (const char c : coloured) log.read(std::string_view(&c, 1));
  EXPECT_EQ(must(log.finish("server.log")), read_all(k_iterations));
}

TEST(TrafficLogTest, AFileWithNothingOfItNamesWhatWouldBeRight) {
  const std::string message = refusal("INFO nothing here\n");
  for (const char* word : {"server.log", "VLLM_LOG_BATCHSIZE_INTERVAL", "--cudagraph-metrics",
                           "--enable-logging-iteration-details", "vllm:iteration_tokens_total"}) {
    EXPECT_NE(message.find(word), std::string::npos) << word << ": " << message;
  }
}

TEST(TrafficLogTest, NumbersThatAreNoneOfAStepArePassedOver) {
  for (const char* line :
       {"Iteration(1): 0 context requests, -5 context tokens, 1 generation requests, 9 generation tokens",
        "Iteration(1): 0 context requests, 99999999 context tokens, 1 generation requests, 9 generation tokens",
        "Batchsize forward time stats (batchsize, count, median_time(ms)): [(8, 10, nan)]",
        "Batchsize forward time stats (batchsize, count, median_time(ms)): [(8, 10, 9.0), (None, 1, 2.0)]",
        "vllm:iteration_tokens_total_bucket{le=\"8.0\"} NaN", "vllm:iteration_tokens_total_bucket{le=\"8.0\"} 1e300",
        "vllm:iteration_tokens_total_bucket{le=\"+Inf\"} 4"}) {
    EXPECT_NE(refusal(line), "") << line;
  }
}

TEST(TrafficLogTest, MoreSizesThanAreKeptAreRefused) {
  TrafficLog log;
  for (std::size_t tokens = 1; tokens <= k_most_traffic_batches + 1; ++tokens) {
    log.read("Iteration(1): 1 context requests, " + std::to_string(tokens) +
             " context tokens, 0 generation requests, 0 generation tokens\n");
  }
  EXPECT_EQ(log.finish("x").error().code, ErrorCode::too_large);
}

}  // namespace
}  // namespace moetune::schema
