#include "kernels/line_reader.hpp"

#include <fmt/format.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>

namespace moetune::kernels {
namespace {

using schema::ErrorCode;
using schema::fail;
using schema::Result;

constexpr std::int64_t k_always_allowed = 64LL << 20;  ///< of text, however small the compressed file is
constexpr std::array<unsigned char, 4> k_zstd_magic = {0x28, 0xB5, 0x2F, 0xFD};

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
struct FreeStream {
  void operator()(ZSTD_DStream* stream) const { ZSTD_freeDStream(stream); }
};

}  // namespace

struct LineReader::State {
  std::string path;
  LineLimits limits;
  std::unique_ptr<std::FILE, CloseFile> file;
  std::unique_ptr<ZSTD_DStream, FreeStream> zstd;  // null for a plain file
  std::string raw = std::string(64 << 10, '\0');   // bytes as the file has them
  ZSTD_inBuffer input = {};                        // the part of raw that waits to be decompressed
  bool frame_open = false;                         // a zstd frame has begun and not ended
  std::string text = std::string(256 << 10, '\0');
  std::string_view rest;  // the part of text that next() has not given yet
  bool ended = false;
  std::string line;
  std::int64_t line_number = 0;
  std::int64_t raw_bytes = 0;
  std::int64_t total_bytes = 0;

  Result<std::size_t> read_raw();
  Result<void> refill();
  Result<void> decompress();
  std::unexpected<schema::Error> over(std::string_view what, std::int64_t limit) const;
};

Result<std::size_t> LineReader::State::read_raw() {
  errno = 0;
  const std::size_t count = std::fread(raw.data(), 1, raw.size(), file.get());
  if (count == 0 && std::ferror(file.get()) != 0) {
    return fail(ErrorCode::io, fmt::format("cannot read {}: {}", path, std::strerror(errno)));
  }
  raw_bytes += static_cast<std::int64_t>(count);
  return count;
}

Result<void> LineReader::State::decompress() {
  ZSTD_outBuffer output = {text.data(), text.size(), 0};
  while (output.pos == 0) {
    if (input.pos == input.size) {
      const auto count = read_raw();
      if (!count) return std::unexpected(count.error());
      input = {raw.data(), *count, 0};
      if (*count == 0) {
        if (frame_open)
          return fail(ErrorCode::data_damaged, fmt::format("{} ends in the middle of a zstd frame", path));
        ended = true;
        break;
      }
    }
    const std::size_t wanted = ZSTD_decompressStream(zstd.get(), &output, &input);
    if (ZSTD_isError(wanted) != 0) {
      return fail(ErrorCode::data_damaged,
                  fmt::format("{} is no sound zstd stream: {}", path, ZSTD_getErrorName(wanted)));
    }
    frame_open = wanted != 0;
  }
  rest = std::string_view(text.data(), output.pos);
  return {};
}

Result<void> LineReader::State::refill() {
  if (zstd) {
    if (auto done = decompress(); !done) return done;
  } else {
    const auto count = read_raw();
    if (!count) return std::unexpected(count.error());
    ended = *count == 0;
    rest = std::string_view(raw.data(), *count);
  }
  total_bytes += static_cast<std::int64_t>(rest.size());
  if (total_bytes > limits.max_bytes) return over("bytes of text", limits.max_bytes);
  if (zstd && total_bytes > std::max(k_always_allowed, raw_bytes * limits.max_expansion)) {
    return fail(ErrorCode::too_large, fmt::format("{} line {}: the compressed file expands more than {}-fold", path,
                                                  line_number + 1, limits.max_expansion));
  }
  return {};
}

std::unexpected<schema::Error> LineReader::State::over(std::string_view what, std::int64_t limit) const {
  return fail(ErrorCode::too_large, fmt::format("{} line {}: more than {} {}", path, line_number + 1, limit, what));
}

LineReader::LineReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
LineReader::LineReader(LineReader&&) noexcept = default;
LineReader& LineReader::operator=(LineReader&&) noexcept = default;
LineReader::~LineReader() = default;

Result<LineReader> LineReader::open(const std::filesystem::path& path, LineLimits limits) {
  auto state = std::make_unique<State>();
  state->path = path.string();
  state->limits = limits;
  state->file.reset(std::fopen(path.c_str(), "rbe"));
  if (!state->file) return fail(ErrorCode::io, fmt::format("cannot open {}: {}", state->path, std::strerror(errno)));
  const auto count = state->read_raw();
  if (!count) return std::unexpected(count.error());
  if (*count >= k_zstd_magic.size() && std::memcmp(state->raw.data(), k_zstd_magic.data(), k_zstd_magic.size()) == 0) {
    state->zstd.reset(ZSTD_createDStream());
    state->input = {state->raw.data(), *count, 0};
  } else {
    state->rest = std::string_view(state->raw.data(), *count);
    state->total_bytes = static_cast<std::int64_t>(*count);
    if (state->total_bytes > limits.max_bytes) return state->over("bytes of text", limits.max_bytes);
  }
  return LineReader(std::move(state));
}

Result<std::optional<std::string_view>> LineReader::next() {
  State& state = *state_;
  state.line.clear();
  bool complete = false;
  while (!complete && !(state.ended && state.rest.empty())) {
    if (state.rest.empty()) {
      if (auto done = state.refill(); !done) return std::unexpected(done.error());
      continue;
    }
    const std::size_t end = state.rest.find('\n');
    complete = end != std::string_view::npos;
    state.line += state.rest.substr(0, end);
    state.rest.remove_prefix(complete ? end + 1 : state.rest.size());
    if (static_cast<std::int64_t>(state.line.size()) > state.limits.max_line_bytes) {
      return state.over("bytes in one line", state.limits.max_line_bytes);
    }
  }
  if (!complete && state.line.empty()) return std::nullopt;
  if (state.line_number == state.limits.max_lines) return state.over("lines", state.limits.max_lines);
  ++state.line_number;
  if (state.line.ends_with('\r')) state.line.pop_back();
  return state.line;
}

std::int64_t LineReader::line_number() const {
  return state_->line_number;
}

}  // namespace moetune::kernels
