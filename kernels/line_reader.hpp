#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string_view>

#include "schema/error.hpp"

namespace moetune::kernels {

/// What a text file may hold once it is decompressed.
struct LineLimits {
  std::int64_t max_line_bytes = 4LL << 20;
  std::int64_t max_bytes = 1LL << 30;
  std::int64_t max_lines = 4'000'000;
  std::int64_t max_expansion = 1000;  ///< bytes of text for one byte of a compressed file, beyond the first 64 MiB
};

/// The lines of a text file, plain or compressed with zstd (told apart by the first bytes, not by the name). Streams:
/// it holds one line and two small buffers, so a file that unpacks to terabytes costs no more than its limits.
/// Move-only, not thread-safe.
class LineReader {
 public:
  /// Errors: io with path and reason.
  static schema::Result<LineReader> open(const std::filesystem::path& path, LineLimits limits = {});
  LineReader(LineReader&&) noexcept;
  LineReader& operator=(LineReader&&) noexcept;
  ~LineReader();

  /// The next line without its end ("\n" or "\r\n"), valid until the next call; nothing at the end of the file.
  /// Errors: too_large with the limit that was passed (a file that expands too much is taken for a bomb), data_damaged
  /// for a broken or cut zstd stream, io.
  schema::Result<std::optional<std::string_view>> next();
  /// Number of the line that next() gave last, counted from 1.
  std::int64_t line_number() const;

 private:
  struct State;
  explicit LineReader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace moetune::kernels
