#include "db/checksum_vfs.hpp"

#include <fmt/format.h>
#include <sqlite3.h>

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <new>
#include <utility>

namespace moetune::db {
namespace {

static_assert(std::endian::native == std::endian::little, "the seal of a page is a little-endian word");

constexpr const char* k_vfs_name = "moetune";
constexpr std::size_t k_sealed_words = (k_page_bytes - k_page_reserved_bytes) / sizeof(std::uint64_t);

using Page = std::array<std::uint64_t, k_page_bytes / sizeof(std::uint64_t)>;

thread_local std::string damaged_page;

/// SQLite's file object for a database: this head, then the file object of the layer below. `methods` comes first, as
/// in sqlite3_file.
struct PageFile {
  sqlite3_file head;
  sqlite3_file* below() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};
static_assert(sizeof(PageFile) % alignof(void*) == 0, "the file object behind the head must be aligned");

sqlite3_file* below(sqlite3_file* file) {
  return reinterpret_cast<PageFile*>(file)->below();
}

sqlite3_vfs* base_vfs() {
  static sqlite3_vfs* base = sqlite3_vfs_find(nullptr);
  return base;
}

/// Every step is a bijection of the running value, so two pages that differ in one word never agree. The offset goes in
/// so that a page in the wrong place is noticed. Never zero: that stands for "not sealed".
std::uint64_t seal_of(const Page& page, sqlite3_int64 offset) {
  std::uint64_t value = 0x9E3779B97F4A7C15ULL ^ static_cast<std::uint64_t>(offset);
  for (std::size_t i = 0; i < k_sealed_words; ++i) value = std::rotl((value ^ page[i]) * 0xD6E8FEB86659FD93ULL, 29);
  value ^= value >> 32;
  return value == 0 ? 1 : value;
}

bool is_page(int bytes, sqlite3_int64 offset) {
  return bytes == k_page_bytes && offset % k_page_bytes == 0;
}

bool is_blank(const Page& page) {
  for (const std::uint64_t word : page) {
    if (word != 0) return false;
  }
  return true;
}

int read_page(sqlite3_file* file, void* buffer, int bytes, sqlite3_int64 offset) {
  sqlite3_file* const real = below(file);
  const int code = real->pMethods->xRead(real, buffer, bytes, offset);
  if (code != SQLITE_OK || !is_page(bytes, offset)) return code;
  Page page;
  std::memcpy(page.data(), buffer, sizeof page);
  const std::uint64_t seal = page.back();
  const bool whole = seal == 0 ? !is_blank(page) : seal == seal_of(page, offset);
  if (!whole) {
    damaged_page =
        fmt::format("page {} {}", offset / k_page_bytes + 1, seal == 0 ? "is blank" : "does not match its checksum");
    return SQLITE_IOERR_DATA;
  }
  // SQLite keeps these bytes when it changes the page: zeros mean that the seal never goes stale in the log.
  std::memset(static_cast<char*>(buffer) + k_page_bytes - k_page_reserved_bytes, 0, k_page_reserved_bytes);
  return SQLITE_OK;
}

int write_page(sqlite3_file* file, const void* buffer, int bytes, sqlite3_int64 offset) {
  sqlite3_file* const real = below(file);
  if (!is_page(bytes, offset)) return real->pMethods->xWrite(real, buffer, bytes, offset);
  Page page;
  std::memcpy(page.data(), buffer, sizeof page);
  page.back() = seal_of(page, offset);
  return real->pMethods->xWrite(real, page.data(), bytes, offset);
}

template <auto Method, typename... Args>
int pass(sqlite3_file* file, Args... args) {
  sqlite3_file* const real = below(file);
  return (real->pMethods->*Method)(real, args...);
}

void pass_barrier(sqlite3_file* file) {
  sqlite3_file* const real = below(file);
  real->pMethods->xShmBarrier(real);
}

/// No memory-mapped pages: they would be read past the check.
int fetch_nothing(sqlite3_file*, sqlite3_int64, int, void** page) {
  *page = nullptr;
  return SQLITE_OK;
}
int unfetch_nothing(sqlite3_file*, sqlite3_int64, void*) {
  return SQLITE_OK;
}

const sqlite3_io_methods k_page_methods = {
    .iVersion = 3,
    .xClose = pass<&sqlite3_io_methods::xClose>,
    .xRead = read_page,
    .xWrite = write_page,
    .xTruncate = pass<&sqlite3_io_methods::xTruncate, sqlite3_int64>,
    .xSync = pass<&sqlite3_io_methods::xSync, int>,
    .xFileSize = pass<&sqlite3_io_methods::xFileSize, sqlite3_int64*>,
    .xLock = pass<&sqlite3_io_methods::xLock, int>,
    .xUnlock = pass<&sqlite3_io_methods::xUnlock, int>,
    .xCheckReservedLock = pass<&sqlite3_io_methods::xCheckReservedLock, int*>,
    .xFileControl = pass<&sqlite3_io_methods::xFileControl, int, void*>,
    .xSectorSize = pass<&sqlite3_io_methods::xSectorSize>,
    .xDeviceCharacteristics = pass<&sqlite3_io_methods::xDeviceCharacteristics>,
    .xShmMap = pass<&sqlite3_io_methods::xShmMap, int, int, int, void volatile**>,
    .xShmLock = pass<&sqlite3_io_methods::xShmLock, int, int, int>,
    .xShmBarrier = pass_barrier,
    .xShmUnmap = pass<&sqlite3_io_methods::xShmUnmap, int>,
    .xFetch = fetch_nothing,
    .xUnfetch = unfetch_nothing,
};

int open_file(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* out_flags) {
  sqlite3_vfs* const base = base_vfs();
  if ((flags & SQLITE_OPEN_MAIN_DB) == 0) return base->xOpen(base, name, file, flags, out_flags);
  auto* const page_file = new (file) PageFile{};
  const int code = base->xOpen(base, name, page_file->below(), flags, out_flags);
  page_file->head.pMethods = page_file->below()->pMethods == nullptr ? nullptr : &k_page_methods;
  return code;
}

/// A copy of the platform's layer, so that everything but opening a file goes straight to it.
sqlite3_vfs& layered_vfs() {
  static sqlite3_vfs vfs = [] {
    sqlite3_vfs copy = *base_vfs();
    copy.zName = k_vfs_name;
    copy.pNext = nullptr;
    copy.szOsFile = static_cast<int>(sizeof(PageFile)) + base_vfs()->szOsFile;
    copy.xOpen = open_file;
    return copy;
  }();
  return vfs;
}

}  // namespace

const char* checksum_vfs() {
  static const int registered = [] {
    // Without its statistics of memory SQLite takes no global lock at each allocation. Refused, harmlessly, if SQLite
    // is in use already.
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    return sqlite3_vfs_register(&layered_vfs(), 0);
  }();
  return registered == SQLITE_OK ? k_vfs_name : nullptr;
}

std::string take_damaged_page() {
  return std::exchange(damaged_page, {});
}

}  // namespace moetune::db
