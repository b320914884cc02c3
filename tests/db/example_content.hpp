#pragma once

#include "db/database.hpp"

namespace moetune::db {

/// Fills a new database with something in every table: sweep 1, done, with its defaults, 300 ok rows of batches 1 to 3
/// (configuration c of batch 1 + c % 3 takes 10 + c % 17 microseconds), one compiler_crash of batch 64 with a long log
/// and samples in two chunks; sweep 2, discarded, with one faster row; sweep 3, running, with an open and an ended
/// attempt; and two imported rows, one of them labelled "0badcafe-1".
Result<void> fill_with_examples(Database& database);

}  // namespace moetune::db
