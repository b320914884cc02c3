#pragma once

#include <string>

namespace moetune::db {

/// Bytes of a page, and how many at its end SQLite leaves alone. Fixed when a database is made.
inline constexpr int k_page_bytes = 4096;
inline constexpr int k_page_reserved_bytes = 8;

/// Registers, once, a file layer for SQLite that seals every page of a database file with a checksum when it is written
/// and verifies it when it is read, so that a flipped bit is an error and never a wrong value; returns its name.
/// The log beside the file carries SQLite's own checksums. A page whose seal is zero was written by another program
/// (SQLite's shell folding a log in) and passes unverified. Thread-safe.
const char* checksum_vfs();

/// What the calling thread's last failed page read found, e.g. "page 7 does not match its checksum", and forgets it;
/// empty if there was none.
std::string take_damaged_page();

}  // namespace moetune::db
