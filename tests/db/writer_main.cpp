// A process of its own for tests that kill a writer, lock it out or let its disk run full.
//   db_writer FOLDER record      records trials for ever and writes a line to stdout once each is committed
//   db_writer FOLDER hold        opens the database, writes a line, and waits for the end of its input
//   db_writer FOLDER fill BYTES  no file may grow beyond BYTES: records until that fails, then lifts the limit; writes
//   how
//                                many trials were acknowledged, the error, and whether the next one was
//   db_writer FOLDER fill-with-examples  makes the database that fixtures/ keeps of every version
#include <fmt/format.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <string_view>

#include "tests/db/example_content.hpp"
#include "tests/db/store_fixture.hpp"

namespace moetune::db {
namespace {

void say(const std::string& line) {
  const std::string text = line + "\n";
  if (::write(STDOUT_FILENO, text.data(), text.size()) < 0) std::exit(3);
}

Result<Recorded> record_number(Database& database, std::int64_t sweep, int number) {
  return database.write([&](Transaction& transaction) {
    schema::Trial trial = ok_trial(1 + number / 1000, number % 1000, 10 + number);
    trial.log_tail = std::string(500, 'x');
    return record_trial(transaction, sweep, trial);
  });
}

int fill(Database& database, std::int64_t sweep, rlim_t bytes) {
  ::signal(SIGXFSZ, SIG_IGN);
  struct rlimit limit{};
  ::getrlimit(RLIMIT_FSIZE, &limit);
  limit.rlim_cur = bytes;
  ::setrlimit(RLIMIT_FSIZE, &limit);
  int number = 0;
  auto done = record_number(database, sweep, number);
  while (done && number < 100'000) done = record_number(database, sweep, ++number);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_FSIZE, &limit);
  const bool usable = record_number(database, sweep, number).has_value();
  say(fmt::format("{}", number));
  say(done ? "no error" : fmt::format("{}: {}", name_of(done.error().code), done.error().message));
  say(usable ? "usable" : "not usable");
  return 0;
}

int run(const std::string& folder, std::string_view what, rlim_t bytes) {
  auto database = Database::open(folder, Access::read_write);
  if (!database) {
    say(fmt::format("{}: {}", name_of(database.error().code), database.error().message));
    return 1;
  }
  if (what == "hold") {
    say("held");
    char byte = 0;
    while (::read(STDIN_FILENO, &byte, 1) > 0) continue;
    return 0;
  }
  if (what == "fill-with-examples") return fill_with_examples(**database) ? 0 : 1;
  const auto sweep =
      (*database)->write([](Transaction& transaction) { return create_sweep(transaction, example_spec()); });
  if (!sweep) return 1;
  if (what == "fill") return fill(**database, *sweep, bytes);
  for (int number = 0;; ++number) {
    if (!record_number(**database, *sweep, number)) return 1;
    say(fmt::format("{} {}", *sweep, number));
  }
}

}  // namespace
}  // namespace moetune::db

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  return moetune::db::run(argv[1], argv[2], argc > 3 ? static_cast<rlim_t>(std::stoll(argv[3])) : 0);
}
