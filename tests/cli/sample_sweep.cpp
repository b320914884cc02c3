#include "tests/cli/sample_sweep.hpp"

#include "schema/sweep_spec.hpp"
#include "schema/tile_config.hpp"

namespace moetune::cli {
namespace {

nlohmann::ordered_json entry(int index) {
  const schema::TileConfig config{16, 128, 128, 1, 4, 3 + index % 2};
  const schema::TileConfig fallback{16, 64, 128, 1, 4, 3};
  const bool gains = index % 3 != 2;
  const double latency = 18.021 * (1 + index * index);
  const double other = latency * (gains ? 1.124 : 1.001);
  return {{"config", schema::to_json(config)},
          {"latency_us", latency},
          {"default_latency_us", other},
          {"speedup", other / latency},
          {"samples", 5},
          {"chosen",
           {{"config", schema::to_json(gains ? config : fallback)},
            {"latency_us", gains ? latency : other},
            {"default", !gains}}},
          {"reason", gains ? "faster than the default beyond the spread of both" : "not faster beyond the spread"}};
}

}  // namespace

nlohmann::ordered_json sample_sweep(const std::string& state, std::int64_t done, int bests) {
  schema::SweepSpec spec;
  spec.problem = {256, 512, 2048, 8, schema::Dtype::fp8_w8a8, schema::ActDtype::bfloat16, schema::BlockShape{128, 128}};
  spec.batches = schema::default_batches();
  nlohmann::ordered_json best = nlohmann::ordered_json::object();
  for (int i = 0; i < bests; ++i) best[std::to_string(spec.batches[static_cast<std::size_t>(i)])] = entry(i);
  const std::int64_t failed = done / 20;
  return {{"id", 3},
          {"state", state},
          {"phase", "measure"},
          {"spec", schema::to_json(spec)},
          {"trials",
           {{"total", 5760},
            {"done", done},
            {"by_status",
             {{"ok", done - failed}, {"out_of_resources", failed / 2}, {"compiler_crash", failed - failed / 2}}},
            {"not_recorded", 0}}},
          {"compiles", {{"done", 300}, {"cached", 12}, {"failed", 10}}},
          {"created_at", "2026-11-20T10:14:59Z"},
          {"started_at", "2026-11-20T10:15:00Z"},
          {"finished_at", state == "done" ? nlohmann::ordered_json("2026-11-20T10:18:05Z") : nlohmann::ordered_json()},
          {"eta_s", state == "running" ? nlohmann::ordered_json(88.4) : nlohmann::ordered_json()},
          {"error", nullptr},
          {"discarded", false},
          {"best", std::move(best)}};
}

nlohmann::ordered_json best_answer() {
  nlohmann::ordered_json group = {{"device", "NVIDIA_H200"}};
  const auto spec = sample_sweep("done", 1, 0)["spec"];
  for (const char* field : {"E", "N", "hidden_size", "topk", "dtype", "act_dtype", "block_shape"})
    group[field] = spec[field];
  group.update({{"kernel", "cuda"},
                {"kernel_digest", "0123456789abcdef"},
                {"compiler", "nvrtc 12.9"},
                {"l2", "cold"},
                {"routing", "uniform"},
                {"origin", "measured"}});
  group["configs"] = sample_sweep("done", 1, 3)["best"];
  return {{"results", {group}}};
}

}  // namespace moetune::cli
