#include "daemon/folder_publisher.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <condition_variable>
#include <mutex>
#include <optional>
#include <set>
#include <thread>

#include "daemon/publication.hpp"
#include "db/catalog.hpp"
#include "db/database.hpp"
#include "db/synchronized.hpp"
#include "schema/publish/folder.hpp"

namespace moetune::daemon {
namespace {

namespace publish = schema::publish;
using SteadyClock = std::chrono::steady_clock;

/// What the thread knows; nobody else touches it.
class Work {
 public:
  Work(const FolderPublisher::Options& options, const db::Database& database,
       db::Synchronized<FolderPublisher::Status>& status)
      : options_(options), database_(database), status_(status) {}

  /// Publishes if something has changed and come to rest, or changed long ago, or if it is time to try again.
  void look();
  /// Publishes what has changed, however lately.
  void finish();

 private:
  std::optional<db::FinishedWork> finished_work();
  void update(const db::FinishedWork& work);
  void fail(const std::string& reason);
  void tell(const publish::Report& report);
  void tell_notes(const char* what, const std::vector<publish::Note>& notes, std::set<std::string>& told);

  const FolderPublisher::Options& options_;
  const db::Database& database_;
  db::Synchronized<FolderPublisher::Status>& status_;
  std::optional<std::uint64_t> generation_;  ///< of the database, at the last look
  std::optional<db::FinishedWork> seen_;
  std::optional<db::FinishedWork> published_;
  std::optional<SteadyClock::time_point> changing_since_;  ///< the first look that saw what is not published
  std::optional<SteadyClock::time_point> next_try_;
  std::set<std::string> told_;  ///< notes of the last update: said once, not at every one
};

std::optional<db::FinishedWork> Work::finished_work() {
  const auto generation = database_.generation();
  if (generation_ == generation && seen_) return seen_;
  auto work = database_.read([](db::Snapshot& snapshot) { return db::finished_work(snapshot); });
  if (!work) {
    fail(work.error().message);
    return std::nullopt;
  }
  generation_ = generation;
  return *work;
}

void Work::look() {
  const auto work = finished_work();
  if (!work) return;
  const auto now = SteadyClock::now();
  if (published_ == work) {
    changing_since_.reset();
  } else if (!changing_since_) {
    changing_since_ = now;
  }
  const bool waited_enough = changing_since_ && now - *changing_since_ >= options_.patience;
  const bool settled = !published_ || seen_ == work || waited_enough;
  seen_ = work;
  const bool retry = next_try_ && now >= *next_try_;
  const bool waits_for_retry = next_try_ && !retry && published_ == work;
  if (settled && !waits_for_retry && (retry || published_ != work)) update(*work);
}

void Work::finish() {
  const auto work = finished_work();
  if (work && published_ != work) update(*work);
}

void Work::fail(const std::string& reason) {
  const auto status = status_.lock();
  if (status->trouble != reason) spdlog::error("cannot publish into {}: {}", options_.folder.string(), reason);
  ++status->failures;
  status->trouble = reason;
  next_try_ = SteadyClock::now() + options_.retry_interval;
}

void Work::update(const db::FinishedWork& work) {
  changing_since_.reset();
  published_ = work;  // also when it fails: then it is tried again at its time, not at every look
  const auto publication = publication_of(database_, {});
  if (!publication) return fail(publication.error().message);
  const auto report = publish::update_folder(options_.folder, *publication, publish::Force::no);
  if (!report) return fail(report.error().message);
  next_try_.reset();
  if (!report->refused.empty()) next_try_ = SteadyClock::now() + options_.refused_interval;
  tell(*report);
}

void Work::tell_notes(const char* what, const std::vector<publish::Note>& notes, std::set<std::string>& told) {
  for (const auto& note : notes) {
    const std::string line = fmt::format("{}: {}: {}", what, note.path, note.reason);
    const bool is_news = told.insert(line).second && !told_.contains(line);
    if (is_news) spdlog::warn("publishing into {}: {}", options_.folder.string(), line);
  }
}

void Work::tell(const publish::Report& report) {
  for (const auto& path : report.written) spdlog::info("published {}", (options_.folder / path).string());
  std::set<std::string> told;
  tell_notes("left as it is", report.refused, told);
  tell_notes("kept without ground", report.lost, told);
  tell_notes("not published", report.left_out, told);
  told_ = std::move(told);
  const auto status = status_.lock();
  if (!status->trouble.empty() && report.refused.empty()) {
    spdlog::info("publishing into {} works again", options_.folder.string());
  }
  ++status->updates;
  status->files = std::ssize(report.written) + std::ssize(report.unchanged) + std::ssize(report.lost);
  status->refused = std::ssize(report.refused);
  status->trouble = report.refused.empty()
                        ? ""
                        : fmt::format("{} of its files cannot be published: {}: {}", report.refused.size(),
                                      report.refused.front().path, report.refused.front().reason);
}

}  // namespace

struct FolderPublisher::State {
  State(Options given, const db::Database& source) : options(std::move(given)), database(source) {}

  Options options;
  const db::Database& database;
  db::Synchronized<Status> status;
  std::mutex mutex;
  std::condition_variable changed;
  bool stopping = false;
  std::thread thread;
};

FolderPublisher::FolderPublisher(Options options, const db::Database& database)
    : state_(std::make_unique<State>(std::move(options), database)) {
  state_->thread = std::thread([&state = *state_] {
    Work work(state.options, state.database, state.status);
    std::unique_lock lock(state.mutex);
    while (!state.stopping) {
      lock.unlock();
      work.look();
      lock.lock();
      state.changed.wait_for(lock, state.options.look_interval, [&] { return state.stopping; });
    }
    lock.unlock();
    work.finish();
  });
}

FolderPublisher::~FolderPublisher() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopping = true;
  }
  state_->changed.notify_all();
  state_->thread.join();
}

const std::filesystem::path& FolderPublisher::folder() const {
  return state_->options.folder;
}

FolderPublisher::Status FolderPublisher::status() const {
  return *state_->status.lock();
}

}  // namespace moetune::daemon
