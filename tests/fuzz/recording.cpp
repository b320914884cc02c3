#include "kernels/recording.hpp"

#include <zstd.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "tests/fuzz/demand.hpp"
#include "tests/fuzz/scratch_folder.hpp"
#include "tests/fuzz/target.hpp"

namespace moetune::fuzz {
namespace {

using kernels::LineReader;
using kernels::Recording;
using kernels::RecordingQuery;

/// Small enough to be passed by a small bomb.
constexpr kernels::LineLimits k_limits{.max_line_bytes = 16 << 10, .max_bytes = 256 << 10, .max_lines = 2000};
constexpr kernels::RecordingLimits k_recording_limits{.lines = k_limits, .max_samples = 500};

const ScratchFolder& folder() {
  static const ScratchFolder folder;
  return folder;
}

std::string compressed(std::string_view text) {
  std::string bytes(ZSTD_compressBound(text.size()), '\0');
  bytes.resize(ZSTD_compress(bytes.data(), bytes.size(), text.data(), text.size(), 1));
  return bytes;
}

/// 'z', two bytes that name a place, a byte, and text: the text is compressed, and the byte flips bits at that place
/// (none: 0; 0xFF cuts the file there). 'b', a byte, and text: the text is repeated until it has twice as many
/// kilobytes, and compressed. Everything else is a file as it is.
std::string file_of(std::string_view input) {
  const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(input[at]); };
  if (input.starts_with('z') && input.size() > 4) {
    std::string bytes = compressed(input.substr(4));
    const std::size_t place = (byte(1) * 256U + byte(2)) % bytes.size();
    if (byte(3) == 0xFF) return bytes.substr(0, place);
    bytes[place] = static_cast<char>(static_cast<unsigned char>(bytes[place]) ^ byte(3));
    return bytes;
  }
  if (input.starts_with('b') && input.size() > 2) {
    std::string text(input.substr(2));
    while (text.size() < byte(1) * 2048U) text += text;
    return compressed(text);
  }
  return std::string(input);
}

/// Reads the file line by line and demands that no limit is passed.
void read_lines(const std::filesystem::path& path) {
  auto reader = LineReader::open(path, k_limits);
  if (!reader) {
    demand_reason(reader.error());
    return;
  }
  std::int64_t lines = 0;
  std::int64_t bytes = 0;
  for (;;) {
    const auto line = reader->next();
    if (!line) {
      demand_reason(line.error());
      return;
    }
    if (!*line) break;
    bytes += static_cast<std::int64_t>((*line)->size());
    demand(reader->line_number() == ++lines, "lines are counted from 1");
    demand((*line)->find('\n') == std::string_view::npos, "a line has no line break in it");
    demand(std::ssize(**line) <= k_limits.max_line_bytes, "a line keeps to the limit");
  }
  demand(lines <= k_limits.max_lines && bytes <= k_limits.max_bytes, "a whole file keeps to the limits");
  demand(!reader->next().value(), "behind the end there is nothing");
}

RecordingQuery query() {
  return {
      .problem = {256, 512, 2048, 8, schema::Dtype::fp8_w8a8, schema::ActDtype::bfloat16, schema::BlockShape{128, 128}},
      .batches = {1, 64},
      .l2 = schema::L2::cold,
      .routing = "uniform",
      .kernel = {}};
}

void demand_sound(const Recording& recording) {
  demand(!recording.rows.empty(), "a recording has rows");
  demand(recording.group.origin == schema::Origin::recorded, "rows of a recording are recorded");
  demand(recording.group.problem == query().problem, "rows are of the problem that was asked for");
  std::int64_t samples = 0;
  for (const auto& [key, row] : recording.rows) {
    demand(key.batch == 1 || key.batch == 64, "rows are of a batch that was asked for");
    demand(row.status != schema::TrialStatus::ok || !row.samples_us.empty(), "an ok row has samples");
    samples += std::ssize(row.samples_us);
  }
  demand(samples <= k_recording_limits.max_samples + std::ssize(recording.rows), "samples keep to the limit");
}

}  // namespace

void try_input(std::string_view input) {
  const auto path = folder().write("input.jsonl.zst", file_of(input));
  read_lines(path);
  const auto recording = Recording::load(path, query(), k_recording_limits);
  if (recording) {
    demand_sound(*recording);
  } else {
    demand_reason(recording.error());
  }
}

}  // namespace moetune::fuzz
