// Times tiles of the kernel `cuda` with cold weights: a graph of passes over distinct weight sets and routings, each
// pass GEMM 1 then GEMM 2. The tuning tool of the kernel; prints microseconds per pass and the ratio to a reference
// table.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <fstream>
#include <map>
#include <sstream>
#include <thread>

#include "tests/kernels/moe_workbench.hpp"

namespace moetune::kernels {
namespace {

struct Settings {
  schema::Problem problem;
  std::vector<std::int64_t> batches;
  std::vector<std::string> tiles;
  std::vector<std::string> defines;
  std::string space;
  std::string reference;
  std::string csv;
  std::vector<int> groups{1};
  int sets = 6;
  int replays = 5;
  int jobs = 16;
  int rest = 0;
};

schema::TileConfig tile_of(const std::string& text) {
  schema::TileConfig tile;
  if (std::sscanf(text.c_str(), "%dx%dx%dw%ds%d", &tile.block_size_m, &tile.block_size_n, &tile.block_size_k,
                  &tile.num_warps, &tile.num_stages) != 5) {
    give_up("a tile is written like 64x128x128w4s3, not " + text);
  }
  return tile;
}

/// Fastest row per batch of a table with the columns batch, the six of a configuration, status, microseconds.
std::map<std::int64_t, double> read_reference(const std::string& path) {
  std::map<std::int64_t, double> best;
  if (path.empty()) return best;
  std::ifstream file(path);
  if (!file) give_up("cannot read " + path);
  std::string line;
  std::getline(file, line);
  while (std::getline(file, line)) {
    std::vector<std::string> cells;
    std::istringstream cut(line);
    for (std::string cell; std::getline(cut, cell, ',');) cells.push_back(cell);
    if (cells.size() < 9 || cells[7] != "ok") continue;
    const auto batch = std::stoll(cells[0]);
    const double time = std::stod(cells[8]);
    if (!best.contains(batch) || time < best[batch]) best[batch] = time;
  }
  return best;
}

struct Candidate {
  schema::TileConfig config;
  std::string define;
  std::optional<LoadedTile> tile;
};

/// Microseconds per pass: the median over replays of one graph, the first dropped.
double time_passes(const MoeWorkbench& bench, const Candidate& candidate, const schema::TileConfig& config,
                   const Settings& settings, int passes) {
  const auto graph = must(GraphExec::capture(bench.stream(), [&]() -> Result<void> {
    for (int i = 0; i < passes; ++i) {
      bench.gemm(*candidate.tile, config, Gemm::first, i % settings.sets, i);
      bench.gemm(*candidate.tile, config, Gemm::second, i % settings.sets, i);
    }
    return {};
  }));
  must(graph.upload(bench.stream()));
  const auto begin = must(Event::create()), end = must(Event::create());
  std::vector<double> times;
  for (int i = 0; i <= settings.replays; ++i) {
    if (settings.rest > 0) std::this_thread::sleep_for(std::chrono::milliseconds(settings.rest));
    must(begin.record(bench.stream()));
    must(graph.launch(bench.stream()));
    must(end.record(bench.stream()));
    must(end.synchronize());
    if (i > 0) times.push_back(must(Event::elapsed_us(begin, end)) / passes);
  }
  std::ranges::sort(times);
  return times[times.size() / 2];
}

std::vector<Candidate> compile_candidates(const MoeWorkbench& bench, const Nvrtc& nvrtc, const Settings& settings,
                                          const DeviceInfo& device) {
  std::vector<schema::TileConfig> tiles;
  for (const auto& text : settings.tiles) tiles.push_back(tile_of(text));
  if (settings.space == "vllm") std::ranges::copy(vllm_tiles(settings.problem), std::back_inserter(tiles));
  auto defines = settings.defines;
  if (defines.empty()) defines.emplace_back();

  std::vector<Candidate> candidates;
  std::vector<CompileRequest> requests;
  for (const auto& tile : tiles) {
    const auto variant = must(make_variant(settings.problem, tile, arch_of(device.cc_major, device.cc_minor)));
    if (!fits(variant, device.shared_optin_bytes)) continue;
    for (const auto& define : defines) {
      std::vector<std::string> extra;
      std::istringstream cut(define);
      for (std::string one; std::getline(cut, one, ',');) extra.push_back("-D" + one);
      requests.push_back(compile_request(variant, extra));
      candidates.push_back({tile, define, LoadedTile{variant, {}, {}, {}}});
    }
  }
  const auto outcomes = compile_all(nvrtc, requests, settings.jobs);
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    if (outcomes[i].status != CompileStatus::ok) give_up(outcomes[i].log);
    candidates[i].tile = bench.load(candidates[i].tile->variant, outcomes[i].cubin);
  }
  return candidates;
}

void run(const Settings& settings) {
  const auto context = must(Context::open(0));
  const auto nvrtc = must(Nvrtc::open());
  constexpr int k_routings = 12;
  MoeWorkbench bench(context, nvrtc,
                     {.problem = settings.problem,
                      .max_batch = std::ranges::max(settings.batches),
                      .sets = settings.sets,
                      .routings = k_routings,
                      .seed = 3});
  const auto candidates = compile_candidates(bench, nvrtc, settings, context.device());
  const auto reference = read_reference(settings.reference);
  std::ofstream csv(settings.csv.empty() ? "/dev/null" : settings.csv);
  csv << "batch,tile,define,us,error1,error2,registers,local_bytes\n";
  for (const auto batch : settings.batches) {
    bench.route(batch);
    const int passes = batch <= 64 ? k_routings : 4;
    std::vector<std::pair<double, std::string>> rows;
    int aligned = 0;
    for (const auto& candidate : candidates) {
      if (aligned != candidate.config.block_size_m) bench.align(aligned = candidate.config.block_size_m);
      const auto pairs = batch * settings.problem.topk;
      const PairSample sample{0, std::max<std::int64_t>(pairs / 64, 1), std::min<std::int64_t>(pairs, 64)};
      bench.poison();
      bench.gemm(*candidate.tile, candidate.config, Gemm::first, 0, 0);
      bench.gemm(*candidate.tile, candidate.config, Gemm::second, 0, 0);
      const double first = bench.error(Gemm::first, 0, 0, sample), second = bench.error(Gemm::second, 0, 0, sample);
      const bool right = first < 5e-3 && second < 5e-3;
      for (int group : settings.groups) {
        auto config = candidate.config;
        config.group_size_m = group;
        const double time = time_passes(bench, candidate, config, settings, passes);
        rows.emplace_back(time,
                          fmt::format("{} {}{} r{} l{}", schema::short_text(config), candidate.define,
                                      right ? "" : fmt::format(" WRONG {:.2g} {:.2g}", first, second),
                                      candidate.tile->attributes.registers, candidate.tile->attributes.local_bytes));
        csv << fmt::format("{},{},{},{:.3f},{:.3g},{:.3g},{},{}\n", batch, schema::short_text(config), candidate.define,
                           time, first, second, candidate.tile->attributes.registers,
                           candidate.tile->attributes.local_bytes);
      }
    }
    std::ranges::sort(rows);
    const double wanted = reference.contains(batch) ? reference.at(batch) : 0;
    for (std::size_t i = 0; i < std::min<std::size_t>(rows.size(), 6); ++i) {
      fmt::print("{:>5} {:>9.2f} us  {}  {}\n", batch, rows[i].first,
                 wanted > 0 ? fmt::format("x{:.3f}", rows[i].first / wanted) : "", rows[i].second);
    }
    std::fflush(stdout);
  }
}

}  // namespace
}  // namespace moetune::kernels

int main(int argc, char** argv) {
  using namespace moetune;
  kernels::Settings settings;
  settings.problem = {.num_experts = 256, .intermediate_size = 512, .hidden_size = 2048, .topk = 8, .block_shape = {}};
  std::string dtype = "fp8_w8a8", block_shape = "128,128",
              batches =
                  "1,2,4,8,16,24,32,48,64,96,128,256,512,1024,1536,"
                  "2048,3072,4096";
  CLI::App app{"times tiles of the kernel cuda, with cold weights"};
  app.add_option("-E", settings.problem.num_experts, "experts");
  app.add_option("-N", settings.problem.intermediate_size, "intermediate size");
  app.add_option("--hidden-size", settings.problem.hidden_size, "hidden size");
  app.add_option("--topk", settings.problem.topk, "experts per token");
  app.add_option("--dtype", dtype, "fp8_w8a8 or none");
  app.add_option("--batch", batches, "comma-separated numbers of tokens");
  app.add_option("--tile", settings.tiles, "a tile like 64x128x128w4s3")->delimiter(',');
  app.add_option("--space", settings.space, "vllm: all its tiles");
  app.add_option("--group", settings.groups, "values of GROUP_SIZE_M")->delimiter(',');
  app.add_option("--define", settings.defines, "comma-separated macros of one build; each --define is a build more");
  app.add_option("--reference", settings.reference, "CSV with the times to compare with");
  app.add_option("--csv", settings.csv, "file for all rows");
  app.add_option("--sets", settings.sets, "weight sets");
  app.add_option("--replays", settings.replays, "timed replays of a graph");
  app.add_option("--rest", settings.rest, "milliseconds of rest before each replay");
  app.add_option("--jobs", settings.jobs, "compiling threads");
  CLI11_PARSE(app, argc, argv);
  std::istringstream cut(batches);
  for (std::string one; std::getline(cut, one, ',');) settings.batches.push_back(std::stoll(one));
  if (dtype == "fp8_w8a8") {
    settings.problem.dtype = schema::Dtype::fp8_w8a8;
    settings.problem.block_shape = kernels::must(schema::block_shape_from_text(block_shape));
  }
  kernels::run(settings);
  return 0;
}
