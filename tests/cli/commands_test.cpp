#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/cli/commands_fixture.hpp"
#include "tests/cli/sample_sweep.hpp"

namespace moetune::cli {
namespace {

using nlohmann::ordered_json;
using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

TEST_F(CommandsTest, TuneSendsOnlyWhatWasGiven) {
  daemon_.on("POST /sweeps", {.status = 202, .body = R"({"id":3})"});
  serve_sweep(sample_sweep("done", 5760, 2));
  EXPECT_EQ(run_with(tune()), ExitStatus::done);
  EXPECT_EQ(daemon_.seen("POST /sweeps").at(0).body, R"({"E":256,"N":512,"hidden_size":2048,"topk":8})");
}

TEST_F(CommandsTest, TuneSendsEverythingThatWasGiven) {
  daemon_.on("POST /sweeps", {.status = 202, .body = R"({"id":3})"});
  daemon_.on("POST /uploads", {.status = 201, .body = R"({"id":"upload-7"})"});
  serve_sweep(sample_sweep("done", 5760, 2));
  const auto space = folder_.file("space.json", R"({"BLOCK_SIZE_M": [16, 64]})").string();
  const auto recording = folder_.file("rows.jsonl", "{}\n").string();
  EXPECT_EQ(run_with(tune({"--dtype",
                           "fp8_w8a8",
                           "--act-dtype",
                           "float16",
                           "--block-shape",
                           "128,128",
                           "--gated",
                           "0",
                           "--per-channel-quant",
                           "false",
                           "--router-weight-on-input",
                           "1",
                           "--batch",
                           "1,64",
                           "--kernel",
                           "cuda",
                           "--space",
                           space,
                           "--strategy",
                           "exhaustive",
                           "--routing",
                           "uniform",
                           "--l2",
                           "warm",
                           "--gpus",
                           "0,1",
                           "--seed",
                           "5",
                           "--reuse",
                           "--retry-failed",
                           "--recording",
                           recording,
                           "--no-imported",
                           "--no-between",
                           "--level",
                           "95",
                           "--min-gain",
                           "0.5",
                           "--compile"})),
            ExitStatus::done)
      << err();
  EXPECT_EQ(ordered_json::parse(daemon_.seen("POST /sweeps").at(0).body), ordered_json::parse(R"({
      "E": 256, "N": 512, "hidden_size": 2048, "topk": 8, "dtype": "fp8_w8a8", "act_dtype": "float16",
      "block_shape": [128, 128], "gated": false, "per_channel_quant": false, "router_weight_on_input": true, "batch": [1, 64], "gpus": [0, 1], "seed": 5, "level": 0.95, "min_gain": 0.005, "space": {"BLOCK_SIZE_M": [16, 64]},
      "kernel": "cuda", "strategy": "exhaustive", "reuse": true, "retry_failed": true,
      "imported": false, "between": false, "compile": true, "recording": "upload-7", "routing": "uniform", "l2": "warm"})"));
  EXPECT_EQ(daemon_.seen("POST /uploads").at(0).body, "{}\n");
}

TEST_F(CommandsTest, TuneEndsWithATableAndWhatToDoNext) {
  daemon_.on("POST /sweeps", {.status = 202, .body = R"({"id":3})"});
  serve_sweep(sample_sweep("done", 5760, 2));
  EXPECT_EQ(run_with(tune()), ExitStatus::done);
  EXPECT_THAT(out(), StartsWith("sweep 3 done in 3m05s: 5760 of 5760 trials\n"
                                "batch  default us  chosen config            us  speedup  reason\n"
                                "    1      20.256  16x128x128 g1 w4 s3  18.021   1.124x  "));
  EXPECT_THAT(out(),
              HasSubstr("\nnext:\n  moetune --server " + daemon_.url() + " export -E 256 -N 512 --hidden-size 2048"));
  EXPECT_THAT(out(), HasSubstr("\n  curl '" + daemon_.url() + "/best?E=256&N=512&"));
  EXPECT_THAT(err(), HasSubstr("sweep 3 at " + daemon_.url()));
}

TEST_F(CommandsTest, TuneShowsTheBatchesThatWereAskedFor) {
  daemon_.on("POST /sweeps", {.status = 202, .body = R"({"id":3})"});
  auto sweep = sample_sweep("done", 5760, 2);
  sweep["best"]["3"] = sweep["best"]["1"];
  serve_sweep(sweep);
  EXPECT_EQ(run_with(tune()), ExitStatus::done);
  EXPECT_THAT(out(), AllOf(HasSubstr("\n    2  "), Not(HasSubstr("\n    3  ")),
                           HasSubstr("\n1 more M were measured between these batches, to place the keys of a file\n")));
}

TEST_F(CommandsTest, TuneNamesItsOwnKernelWhateverOtherRowsThereAre) {
  auto sweep = sample_sweep("done", 5760, 1);
  sweep["spec"]["recording"] = "upload-7";
  sweep["spec"]["kernel"] = "vllm";
  daemon_.on("POST /sweeps", {.status = 202, .body = R"({"id":3})"});
  daemon_.on("POST /uploads", {.status = 201, .body = R"({"id":"upload-7"})"});
  daemon_.on("GET /best", {.body = R"({"results":[{"kernel":"cuda","configs":{}}]})"});
  serve_sweep(sweep);
  EXPECT_EQ(run_with(tune({"--recording", folder_.file("r.jsonl", "{}").string()})), ExitStatus::done);
  EXPECT_THAT(out(), HasSubstr("--kernel vllm --origin recorded --allow-recorded"));
}

TEST_F(CommandsTest, TuneWithJsonPrintsTheSweepAndNothingElse) {
  daemon_.on("POST /sweeps", {.status = 202, .body = R"({"id":3})"});
  serve_sweep(sample_sweep("done", 5760, 2));
  EXPECT_EQ(run_with(tune({"--json"})), ExitStatus::done);
  EXPECT_EQ(out(), sample_sweep("done", 5760, 2).dump() + "\n");
}

TEST_F(CommandsTest, TuneDetachesAtOnceWhenAsked) {
  daemon_.on("POST /sweeps", {.status = 202, .body = R"({"id":3})"});
  serve_sweep(sample_sweep("queued", 0, 0));
  EXPECT_EQ(run_with(tune({"--detach"})), ExitStatus::done);
  EXPECT_EQ(out(), "sweep 3 is queued; follow it with: moetune --server " + daemon_.url() + " sweep 3 --follow\n");
  EXPECT_EQ(run_with(tune({"--detach", "--json"})), ExitStatus::done);
  EXPECT_EQ(out(), sample_sweep("queued", 0, 0).dump() + "\n");
}

TEST_F(CommandsTest, TuneFailsWhenTheSweepDoes) {
  daemon_.on("POST /sweeps", {.status = 202, .body = R"({"id":3})"});
  auto sweep = sample_sweep("failed", 100, 1);
  sweep["error"] = "no GPU is left";
  serve_sweep(sweep);
  EXPECT_EQ(run_with(tune()), ExitStatus::failed);
  EXPECT_THAT(err(), EndsWith("moetune: sweep 3 failed: no GPU is left\n"));
  EXPECT_THAT(out(), Not(HasSubstr("next:")));
  serve_sweep(sample_sweep("cancelled", 100, 1));
  EXPECT_EQ(run_with(tune()), ExitStatus::failed);
}

TEST_F(CommandsTest, TuneSpeaksOfFlagsWhereTheDaemonSpeaksOfFields) {
  daemon_.on("POST /sweeps", error_answer(400, "invalid_argument", "sweep.hidden_size must be a multiple of 16"));
  EXPECT_EQ(run_with(tune()), ExitStatus::usage);
  EXPECT_EQ(err(), "moetune: --hidden-size must be a multiple of 16\n");
}

TEST_F(CommandsTest, SweepsListsAllPages) {
  auto first = sample_sweep("done", 5760, 0);
  first.erase("best");
  auto second = sample_sweep("running", 12, 0);
  second["id"] = 4;
  second["discarded"] = true;
  daemon_.on("GET /sweeps", [&](const SeenRequest& request) {
    const bool is_first = request.target.find("after") == std::string::npos;
    const ordered_json page = {{"items", {is_first ? first : second}},
                               {"next", is_first ? ordered_json(3) : ordered_json()}};
    return FakeAnswer{.body = page.dump()};
  });
  EXPECT_EQ(run_with({"sweeps"}), ExitStatus::done);
  EXPECT_THAT(out(), AllOf(HasSubstr(" 3  done                5760/5760"),
                           HasSubstr(" 4  running, discarded    12/5760  1m28s")));
  EXPECT_EQ(run_with({"--json", "sweeps"}), ExitStatus::done);
  EXPECT_EQ(ordered_json::parse(out())["items"].size(), 2U);
}

TEST_F(CommandsTest, SweepShowsOneOrSaysThatThereIsNone) {
  serve_sweep(sample_sweep("running", 2995, 1));
  EXPECT_EQ(run_with({"sweep", "3"}), ExitStatus::done);
  EXPECT_THAT(out(), AllOf(HasSubstr("sweep 3  running"), HasSubstr("2995/5760"), HasSubstr("16x128x128 g1 w4 s3")));
  daemon_.on("GET /sweeps/4", error_answer(404, "not_found", "there is no sweep 4"));
  EXPECT_EQ(run_with({"sweep", "4"}), ExitStatus::failed);
  EXPECT_EQ(err(), "moetune: there is no sweep 4\n");
}

TEST_F(CommandsTest, WhatIsNoTerminalGetsTheSweepUncut) {
  auto sweep = sample_sweep("done", 5760, 0);
  const std::string kernel = std::string(200, 'k') + ".py";
  sweep["spec"]["kernel"] = kernel;
  serve_sweep(sweep);
  EXPECT_EQ(run_with({"sweep", "3"}), ExitStatus::done) << err();
  EXPECT_THAT(out(), HasSubstr(kernel));
}

TEST_F(CommandsTest, SteeringPostsAndShowsTheNewState) {
  for (const std::string action : {"pause", "resume", "cancel", "discard"}) {
    daemon_.on("POST /sweeps/3/" + action, {.body = sample_sweep("paused", 40, 0).dump()});
    EXPECT_EQ(run_with({action, "3"}), ExitStatus::done);
    EXPECT_EQ(out(), "sweep 3 is paused, 40 of 5760 trials\n");
    EXPECT_EQ(daemon_.seen().back().headers.at("Content-Type"), "application/json");
  }
  daemon_.on("POST /sweeps/3/pause", error_answer(409, "conflict", "sweep 3 is done"));
  EXPECT_EQ(run_with({"pause", "3"}), ExitStatus::failed);
}

TEST_F(CommandsTest, BestShowsATablePerGroup) {
  daemon_.on("GET /best", {.body = best_answer().dump()});
  EXPECT_EQ(run_with({"best", "-E", "256", "-N", "512", "--batch", "3"}), ExitStatus::done) << err();
  EXPECT_EQ(daemon_.seen().back().target, "/best?E=256&N=512&batch=3");
  EXPECT_THAT(out(),
              StartsWith("NVIDIA_H200  E=256,N=512,hidden_size=2048,topk=8,fp8_w8a8,block_shape=[128,128]  bfloat16\n"
                         "kernel cuda (0123456789ab)  nvrtc 12.9  l2 cold  routing uniform  measured\n"
                         "batch  best config              us  default us  speedup  samples  chosen   reason\n"
                         "    1  16x128x128 g1 w4 s3  18.021      20.256   1.124x        5  best     "));
  EXPECT_EQ(run_with({"best", "-E", "256", "-N", "512", "--json"}), ExitStatus::done);
  EXPECT_EQ(out(), best_answer().dump() + "\n");
}

TEST_F(CommandsTest, BestShowsTheTilesOfBothGemms) {
  auto answer = best_answer();
  auto& config = answer["results"][0]["configs"]["1"]["config"];
  config["down"] = config;
  config["down"]["num_warps"] = 8;
  daemon_.on("GET /best", {.body = answer.dump()});
  EXPECT_EQ(run_with({"best", "-E", "256", "-N", "512"}), ExitStatus::done) << err();
  EXPECT_THAT(out(), HasSubstr("batch  best config                us  default us  speedup  samples  chosen   reason\n"
                               "    1  16x128x128 g1 w4 s3    18.021      20.256   1.124x        5  -        "));
  EXPECT_THAT(out(), HasSubstr("\n       | 16x128x128 g1 w8 s3\n    2  "));
}

TEST_F(CommandsTest, BestTellsWhatTheTrafficGains) {
  auto answer = best_answer();
  answer["results"][0]["traffic"] = {
      {"id", 2}, {"name", "server.log"}, {"worth_it", true}, {"verdict", "worth it: the kernel takes 4.1 % less time"}};
  daemon_.on("GET /best", {.body = answer.dump()});
  EXPECT_EQ(run_with({"best", "-E", "256", "-N", "512", "--traffic", "2"}), ExitStatus::done) << err();
  EXPECT_EQ(daemon_.seen().back().target, "/best?E=256&N=512&traffic=2");
  EXPECT_THAT(out(), HasSubstr("\nunder traffic 2 (server.log): worth it: the kernel takes 4.1 % less time\n"));
}

TEST_F(CommandsTest, BestTellsTheVerdictAndWhatElseWasMeasured) {
  auto answer = best_answer();
  auto& group = answer["results"][0];
  group["verdict"] = {{"worth_it", true}, {"text", "worth it: 1.100x over 3 keys"}};
  group["unfinished"] = {7};
  group["between"] = {{"3", group["configs"]["1"]}, {"5", group["configs"]["1"]}};
  group["configs"]["1"]["chosen"]["config"]["num_warps"] = 8;
  group["configs"]["1"]["chosen"]["default"] = false;
  daemon_.on("GET /best", {.body = answer.dump()});
  EXPECT_EQ(run_with({"best", "-E", "256", "-N", "512", "--kernel-share", "0.35"}), ExitStatus::done) << err();
  EXPECT_EQ(daemon_.seen().back().target, "/best?E=256&N=512&kernel_share=0.35");
  EXPECT_THAT(out(), HasSubstr("\n2 more M were measured, which the nearest of these keys serve: 3, 5 (moetune export "
                               "--guarantee tells the worst)\n"));
  EXPECT_THAT(out(), HasSubstr("\nworth it: 1.100x over 3 keys\n"));
  EXPECT_THAT(out(), HasSubstr("\nhas rows of sweeps that are not done (7): this may change\n"));
  EXPECT_THAT(out(), HasSubstr("16x128x128 g1 w8 s3")) << "a key that runs something else than its best";
}

TEST_F(CommandsTest, AShareIsANumberUpToOne) {
  for (const char* share : {"0", "1.1", "35%", "-0.2", "x"}) {
    EXPECT_EQ(run_with({"best", "-E", "256", "-N", "512", "--kernel-share", share}), ExitStatus::usage) << share;
    EXPECT_THAT(err(), HasSubstr("--kernel-share")) << share;
  }
}

TEST_F(CommandsTest, BestEndsWithOneAndNamesTheNearest) {
  daemon_.on("GET /best", error_answer(404, "not_found", "no measured row matches",
                                       R"({"nearest":[{"E":256,"N":1024,"dtype":null}]})"));
  EXPECT_EQ(run_with({"best", "-E", "256", "-N", "512"}), ExitStatus::failed);
  EXPECT_EQ(err(), "moetune: no measured row matches\nthe nearest that is known:\n  -E 256 -N 1024 --dtype none\n");
}

TEST_F(CommandsTest, TrialsStreamsTheRowsAsTheyAre) {
  daemon_.on("GET /trials", {.content_type = "application/x-ndjson", .stream = [](const WritePiece& write) {
                               return write("{\"a\":1}\n{\"a\"") && write(":2}\n");
                             }});
  EXPECT_EQ(run_with({"trials", "--status", "compiler_crash", "--sweep", "3", "--discarded"}), ExitStatus::done);
  EXPECT_EQ(out(), "{\"a\":1}\n{\"a\":2}\n");
  EXPECT_EQ(daemon_.seen().back().target, "/trials?sweep=3&status=compiler_crash&discarded=1&format=jsonl");
}

TEST_F(CommandsTest, ImportSendsEachFileAsWhatItIs) {
  daemon_.on("POST /import", {.body = R"({"rows":2,"inserted":1,"duplicates":1,"rejected":0,"rejections":[]})"});
  const auto plain = folder_.file("rows.jsonl", "{}\n{}\n").string();
  const auto packed = folder_.file("rows.zst", "\x28\xB5\x2F\xFD rest").string();
  EXPECT_EQ(run_with({"import", plain, packed}), ExitStatus::done);
  EXPECT_EQ(out(), plain + ": 2 rows, 1 new, 1 known already, 0 rejected\n" + packed +
                       ": 2 rows, 1 new, 1 known already, 0 rejected\n");
  EXPECT_EQ(daemon_.seen().at(0).headers.at("Content-Type"), "application/x-ndjson");
  EXPECT_EQ(daemon_.seen().at(1).headers.at("Content-Type"), "application/octet-stream");
  EXPECT_EQ(run_with({"import", plain, "--json"}), ExitStatus::done);
  EXPECT_EQ(ordered_json::parse(out())["files"][0]["inserted"], 1);
}

TEST_F(CommandsTest, ImportTellsOfKnownRowsThatGotTheirRounds) {
  daemon_.on("POST /import",
             {.body = R"({"rows":3,"inserted":1,"duplicates":2,"completed":1,"rejected":0,"rejections":[]})"});
  const auto file = folder_.file("rows.jsonl", "{}\n").string();
  EXPECT_EQ(run_with({"import", file}), ExitStatus::done);
  EXPECT_EQ(out(), file + ": 3 rows, 1 new, 2 known already (1 got their rounds), 0 rejected\n");
}

TEST_F(CommandsTest, ImportTellsOfLinesThatWereRefused) {
  daemon_.on(
      "POST /import",
      {.body =
           R"({"rows":2,"inserted":1,"duplicates":0,"rejected":1,"rejections":[{"line":2,"message":"trial.E is required"}]})"});
  const auto file = folder_.file("rows.jsonl", "{}\n{}\n").string();
  EXPECT_EQ(run_with({"import", file}), ExitStatus::failed);
  EXPECT_EQ(err(), "moetune: " + file + ":2: trial.E is required\n");
}

TEST_F(CommandsTest, CacheShowsAndRemoves) {
  daemon_.on("GET /cache", {.body = R"({"folder":"/cache","bytes":1048576})"});
  daemon_.on("POST /cache/trim", {.body = R"({"files":4,"bytes":2097152})"});
  daemon_.on("POST /cache/clear", {.body = R"({"files":0,"bytes":0})"});
  daemon_.on("GET /cache/explain", {.body = R"({"key":"3f9a","depends_on":{"arch":"sm_90a"}})"});
  EXPECT_EQ(run_with({"cache", "stats"}), ExitStatus::done);
  EXPECT_EQ(out(), "folder  /cache\nbytes   1.0 MiB\n");
  EXPECT_EQ(run_with({"cache", "trim", "--to", "500MiB"}), ExitStatus::done);
  EXPECT_EQ(out(), "removed 4 kernels, 2.0 MiB\n");
  EXPECT_EQ(daemon_.seen().back().body, R"({"bytes":524288000})");
  EXPECT_EQ(run_with({"cache", "trim"}), ExitStatus::done);
  EXPECT_EQ(daemon_.seen().back().body, "{}");
  EXPECT_EQ(run_with({"cache", "clear"}), ExitStatus::done);
  EXPECT_EQ(run_with({"cache", "explain", "3f9a"}), ExitStatus::done);
  EXPECT_EQ(out(), "key  3f9a\ndepends on\n  arch  sm_90a\n");
}

TEST_F(CommandsTest, DbCheckFailsWithTheDatabase) {
  daemon_.on("GET /db/check",
             {.body = R"({"ok":true,"findings":[],"schema_version":1,"trials":7,"sweeps":2,"bytes":4096})"});
  EXPECT_EQ(run_with({"db", "check"}), ExitStatus::done);
  EXPECT_EQ(out(), "the database holds together: 7 trials, 2 sweeps, 4.0 KiB, schema version 1\n");
  daemon_.on("GET /db/check", {.body = R"({"ok":false,"findings":["page 7 is torn"]})"});
  EXPECT_EQ(run_with({"db", "check"}), ExitStatus::failed);
  EXPECT_THAT(out(), HasSubstr("\n  page 7 is torn\n"));
  EXPECT_EQ(run_with({"db", "check", "--json"}), ExitStatus::failed);
}

TEST_F(CommandsTest, DbBackupWritesAllOrNothing) {
  const auto path = (folder_.path() / "copy.db").string();
  daemon_.on("GET /db/backup", {.stream = [](const WritePiece& write) {
               write("half");
               return false;
             }});
  EXPECT_EQ(run_with({"db", "backup", path}), ExitStatus::failed);
  EXPECT_TRUE(std::filesystem::is_empty(folder_.path()));
  daemon_.on("GET /db/backup",
             {.stream = [](const WritePiece& write) { return write("SQLite ") && write("format 3"); }});
  EXPECT_EQ(run_with({"db", "backup", path}), ExitStatus::done);
  EXPECT_EQ(read_file(path), "SQLite format 3");
  EXPECT_EQ(run_with({"db", "backup", path}), ExitStatus::failed);
  EXPECT_THAT(err(), HasSubstr("--overwrite"));
  EXPECT_EQ(run_with({"db", "backup", path, "--overwrite"}), ExitStatus::done);
}

TEST_F(CommandsTest, DoctorShowsWhatToDo) {
  daemon_.on("GET /doctor", {.body = R"({"version":"0.1.0","checks":[
      {"name":"compiler","status":"ok","message":"nvrtc 12.9","advice":""},
      {"name":"GPU","status":"missing","message":"none","advice":"sweeps need one"}],"gpus":[]})"});
  EXPECT_EQ(run_with({"doctor"}), ExitStatus::done);
  EXPECT_EQ(out(), "ok       daemon    answers at " + daemon_.url() + "\nok       compiler  nvrtc 12.9\n" +
                       "missing  GPU       none\n                   -> sweeps need one\n");
  daemon_.stop();
  EXPECT_EQ(run_with({"doctor"}), ExitStatus::failed);
  EXPECT_THAT(out(), StartsWith("error    daemon  no daemon answers at"));
}

}  // namespace
}  // namespace moetune::cli
