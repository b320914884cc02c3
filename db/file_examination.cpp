#include "db/file_examination.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

#include "db/checksum_vfs.hpp"

namespace moetune::db {
namespace {

using schema::ErrorCode;
using schema::fail;
using schema::Result;

/// The first bytes of a database file, and of a log; "The SQLite Database File Format", sections 1.3 and 4.1.
constexpr std::size_t k_header_bytes = 100;
constexpr std::size_t k_log_header_bytes = 32;
constexpr std::size_t k_frame_header_bytes = 24;
constexpr std::string_view k_magic{"SQLite format 3\0", 16};
constexpr std::uint32_t k_log_magic = 0x377F0682;  // the lowest bit set: checksums over big-endian words

/// A file opened for reading; closes itself.
class Reader {
 public:
  explicit Reader(const std::filesystem::path& file) : descriptor_(::open(file.c_str(), O_RDONLY | O_CLOEXEC)) {
    struct stat status{};
    if (descriptor_ >= 0 && ::fstat(descriptor_, &status) == 0) size_ = status.st_size;
  }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  ~Reader() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }

  bool is_open() const { return descriptor_ >= 0; }
  std::int64_t size() const { return size_; }
  bool read(std::int64_t offset, std::span<unsigned char> bytes) const {
    return ::pread(descriptor_, bytes.data(), bytes.size(), offset) == static_cast<ssize_t>(bytes.size());
  }

 private:
  int descriptor_;
  std::int64_t size_ = 0;
};

std::uint32_t big_endian(const unsigned char* bytes) {
  return static_cast<std::uint32_t>(bytes[0]) << 24 | static_cast<std::uint32_t>(bytes[1]) << 16 |
         static_cast<std::uint32_t>(bytes[2]) << 8 | bytes[3];
}

std::unexpected<schema::Error> cannot_read(const std::filesystem::path& file) {
  return fail(ErrorCode::io, fmt::format("{} cannot be read: {}", file.string(), std::strerror(errno)));
}

/// The running checksum of a log.
struct LogChecksum {
  std::uint32_t first = 0;
  std::uint32_t second = 0;
  bool big_endian_words = false;

  void add(std::span<const unsigned char> bytes) {
    for (std::size_t i = 0; i + 8 <= bytes.size(); i += 8) {
      first += word(&bytes[i]) + second;
      second += word(&bytes[i + 4]) + first;
    }
  }
  bool is(const unsigned char* stored) const { return big_endian(stored) == first && big_endian(stored + 4) == second; }

 private:
  std::uint32_t word(const unsigned char* bytes) const {
    const std::uint32_t value = big_endian(bytes);
    return big_endian_words ? value : std::byteswap(value);
  }
};

/// What follows the first frame that does not hold together.
struct Aftermath {
  std::int64_t broken = -1;  ///< number of that frame from 0; -1: none
  bool commit_seen = false;  ///< a transaction ended in it or behind it ...
  bool went_on = false;      ///< ... and another one began: the first had been stored whole
};

Aftermath walk_frames(const Reader& log, std::span<const unsigned char> header, LogChecksum checksum) {
  constexpr std::size_t k_frame_bytes = k_frame_header_bytes + k_page_bytes;
  Aftermath aftermath;
  std::vector<unsigned char> frame(k_frame_bytes);
  std::int64_t number = 0;
  for (std::int64_t at = k_log_header_bytes; log.read(at, frame); at += k_frame_bytes, ++number) {
    const bool of_this_log = std::memcmp(&frame[8], &header[16], 8) == 0;
    if (aftermath.broken < 0) {
      checksum.add(std::span(frame).first(8));
      checksum.add(std::span(frame).subspan(k_frame_header_bytes));
      if (of_this_log && big_endian(&frame[0]) != 0 && checksum.is(&frame[16])) continue;
      aftermath.broken = number;
    }
    if (aftermath.commit_seen && of_this_log) aftermath.went_on = true;
    if (of_this_log && big_endian(&frame[4]) != 0) aftermath.commit_seen = true;
  }
  return aftermath;
}

}  // namespace

std::filesystem::path log_path(const std::filesystem::path& file) {
  return file.string() + "-wal";
}

Result<FileCondition> examine_database_file(const std::filesystem::path& file) {
  const std::string name = file.string();
  const Reader reader(file);
  if (!reader.is_open() && errno != ENOENT) return cannot_read(file);
  if (reader.size() == 0) {
    const Reader log(log_path(file));
    if (log.size() == 0) return FileCondition::missing;
    return fail(ErrorCode::data_damaged,
                fmt::format("{} is {} but its log {} is not: the database was lost; restore a backup, or move the log "
                            "away to begin anew",
                            name, reader.is_open() ? "empty" : "missing", log_path(file).string()));
  }
  std::array<unsigned char, k_header_bytes> header{};
  if (!reader.read(0, header) || std::memcmp(header.data(), k_magic.data(), k_magic.size()) != 0) {
    return fail(ErrorCode::data_damaged,
                fmt::format("{} is not a database of moetune, or its first page is damaged", name));
  }
  const int page_bytes = header[16] << 8 | header[17];
  if (page_bytes != k_page_bytes || header[20] != k_page_reserved_bytes) {
    return fail(ErrorCode::data_damaged,
                fmt::format("{} is an SQLite database that moetune did not make, or its first page is damaged", name));
  }
  return FileCondition::present;
}

Result<void> examine_length(const std::filesystem::path& file) {
  const Reader reader(file);
  std::array<unsigned char, k_header_bytes> header{};
  if (!reader.is_open() || !reader.read(0, header)) return cannot_read(file);
  const std::int64_t expected = std::int64_t{big_endian(&header[28])} * k_page_bytes;
  if (reader.size() >= expected) return {};
  return fail(ErrorCode::data_damaged,
              fmt::format("{} was cut off: it has {} bytes and should have {}; restore a backup", file.string(),
                          reader.size(), expected));
}

Result<void> examine_log(const std::filesystem::path& file) {
  const std::filesystem::path log_file = log_path(file);
  const Reader log(log_file);
  if (!log.is_open()) return errno == ENOENT ? Result<void>() : cannot_read(log_file);
  constexpr std::int64_t k_one_frame = k_log_header_bytes + k_frame_header_bytes + k_page_bytes;
  if (log.size() < k_one_frame) return {};
  std::array<unsigned char, k_log_header_bytes> header{};
  if (!log.read(0, header)) return cannot_read(log_file);

  const auto refuse = [&](std::string_view what) {
    return fail(ErrorCode::data_damaged,
                fmt::format("{} is damaged: {}, and stored rows would be lost; restore a backup, or move this file "
                            "away to go on without the rows in it",
                            log_file.string(), what));
  };
  const std::uint32_t magic = big_endian(&header[0]);
  LogChecksum checksum{.big_endian_words = (magic & 1) != 0};
  checksum.add(std::span(header).first(24));
  if ((magic & ~1U) != k_log_magic || big_endian(&header[8]) != k_page_bytes || !checksum.is(&header[24])) {
    return refuse("its header does not hold together");
  }
  const Aftermath aftermath = walk_frames(log, header, checksum);
  if (aftermath.went_on) return refuse(fmt::format("frame {} does not match its checksum", aftermath.broken + 1));
  return {};
}

}  // namespace moetune::db
