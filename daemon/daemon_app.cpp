#include "daemon/daemon_app.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <set>
#include <string>

#include "daemon/daemon_file.hpp"
#include "daemon/doctor.hpp"
#include "daemon/folder_publisher.hpp"
#include "daemon/http/server.hpp"
#include "daemon/http/token.hpp"
#include "daemon/kernel_cache.hpp"
#include "daemon/sweep/machine.hpp"
#include "daemon/sweep/scheduler.hpp"
#include "daemon/upload_store.hpp"
#include "db/database.hpp"
#include "db/sweep_store.hpp"

namespace moetune::daemon {
namespace {

using schema::Result;

constexpr std::int64_t k_mib = 1 << 20;
constexpr std::size_t k_jobs_ahead = 8;
constexpr std::int64_t k_measure_memory = 64LL << 30;
constexpr auto k_open_time = std::chrono::minutes(5);
/// What the measure worker's own watchdog gets before the supervisor ends the worker: as long as the measurement
/// itself, within these. A context with a kernel that never ends takes its time to go.
constexpr auto k_min_watchdog_lead = std::chrono::seconds(2);
constexpr auto k_max_watchdog_lead = std::chrono::seconds(15);

/// Where compile workers write before the cache takes their files over; emptied at start and end.
class ScratchFolder {
 public:
  static Result<std::unique_ptr<ScratchFolder>> create(const std::filesystem::path& data_dir) {
    auto path = data_dir / "scratch";
    std::error_code error;
    std::filesystem::remove_all(path, error);
    std::filesystem::create_directories(path, error);
    if (error) {
      return schema::fail(schema::ErrorCode::io, fmt::format("cannot create {}: {}", path.string(), error.message()));
    }
    return std::unique_ptr<ScratchFolder>(new ScratchFolder(std::move(path)));
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  ~ScratchFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::filesystem::path& path() const { return path_; }

 private:
  explicit ScratchFolder(std::filesystem::path path) : path_(std::move(path)) {}
  std::filesystem::path path_;
};

std::filesystem::path beside_this_executable(const char* name) {
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  return error ? std::filesystem::path(name) : self.parent_path() / name;
}

WorkerProcess::Options worker_options(const char* executable, const char* kind, std::vector<std::string> arguments) {
  WorkerProcess::Options options;
  options.command.argv = {beside_this_executable(executable).string()};
  options.command.argv.insert(options.command.argv.end(), arguments.begin(), arguments.end());
  options.kind = kind;
  options.log = [kind = std::string(kind)](std::string_view line) { spdlog::debug("{} worker: {}", kind, line); };
  return options;
}

/// Uploads that a sweep still needs: all but those of sweeps that have ended.
Result<std::set<std::string>> recordings_in_use(db::Database& database) {
  const auto sweeps = database.read([](db::Snapshot& snapshot) { return db::unfinished_sweeps(snapshot); });
  if (!sweeps) return std::unexpected(sweeps.error());
  std::set<std::string> recordings;
  for (const auto& sweep : *sweeps) {
    if (sweep.spec.recording) recordings.insert(*sweep.spec.recording);
  }
  return recordings;
}

Scheduler::Options scheduler_options(const DaemonOptions& options, const std::filesystem::path& scratch) {
  Scheduler::Options scheduler;
  // The address space is larger than what is resident; its limit is the one that holds even between two looks.
  const auto address_space_mib = options.compile_memory_limit_mib * 2;
  scheduler.compile.worker =
      worker_options("moetune-compile-worker", "compile", {"--memory-limit-mib", std::to_string(address_space_mib)});
  scheduler.triton_memory_limit_mib = address_space_mib;
  scheduler.compile.slots = options.compile_jobs;
  scheduler.compile.limits = {.time = options.compile_time_limit,
                              .resident_bytes = options.compile_memory_limit_mib * k_mib};
  const auto watchdog_ms = std::chrono::milliseconds(options.measure_time_limit).count();
  scheduler.measure.worker =
      worker_options("moetune-measure-worker", "measure", {"--time-limit-ms", std::to_string(watchdog_ms)});
  scheduler.measure.worker.max_jobs = k_jobs_ahead;
  scheduler.measure.open_limits = {.time = k_open_time, .resident_bytes = k_measure_memory};
  const auto watchdog_lead = std::clamp(options.measure_time_limit, k_min_watchdog_lead, k_max_watchdog_lead);
  scheduler.measure.job_limits = {.time = options.measure_time_limit + watchdog_lead,
                                  .resident_bytes = k_measure_memory};
  scheduler.scratch = scratch;
  return scheduler;
}

}  // namespace

struct DaemonApp::Parts {
  std::unique_ptr<db::Database> database;
  std::unique_ptr<ScratchFolder> scratch;
  std::unique_ptr<KernelCache> cache;
  std::unique_ptr<UploadStore> uploads;
  Machine machine;
  std::unique_ptr<Scheduler> scheduler;
  std::unique_ptr<FolderPublisher> publisher;  ///< null without --publish
  std::unique_ptr<http::HttpServer> server;
  std::unique_ptr<DaemonFile> file;
  std::string url;
};

DaemonApp::DaemonApp(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

DaemonApp::~DaemonApp() {
  parts_->file.reset();
  // Event streams end first, or the server would wait for them.
  if (parts_->scheduler) parts_->scheduler->stop();
  if (parts_->server) parts_->server->stop();
}

const std::string& DaemonApp::url() const {
  return parts_->url;
}
std::uint64_t DaemonApp::requests_answered() const {
  return parts_->server->requests_answered();
}
bool DaemonApp::idle() const {
  return !parts_->scheduler->busy();
}

Result<std::unique_ptr<DaemonApp>> DaemonApp::start(const DaemonOptions& options) {
  // Looked at before anything is made: what is wrong with the command line leaves no trace.
  if (options.token_file) {
    if (auto token = http::Token::read(*options.token_file); !token) return std::unexpected(token.error());
  }
  std::error_code ignored;
  if (options.publish && std::filesystem::exists(*options.publish, ignored) &&
      !std::filesystem::is_directory(*options.publish, ignored)) {
    return schema::fail(schema::ErrorCode::invalid_argument,
                        fmt::format("--publish: {} is no folder", options.publish->string()));
  }
  auto parts = std::make_unique<Parts>();
  auto database = db::Database::open(options.data_dir, db::Access::read_write);
  if (!database) return std::unexpected(database.error());
  parts->database = std::move(*database);
  auto scratch = ScratchFolder::create(options.data_dir);
  if (!scratch) return std::unexpected(scratch.error());
  parts->scratch = std::move(*scratch);
  parts->cache = KernelCache::open({.folder = options.cache_dir,
                                    .scratch = parts->scratch->path(),
                                    .size_limit = options.cache_size_limit_mib * k_mib});
  auto uploads = UploadStore::open(options.data_dir / "uploads");
  if (!uploads) return std::unexpected(uploads.error());
  parts->uploads = std::make_unique<UploadStore>(std::move(*uploads));
  auto recordings = recordings_in_use(*parts->database);
  if (!recordings) return std::unexpected(recordings.error());
  parts->uploads->remove_unused(*recordings);
  auto machine = examine_machine(beside_this_executable("moetune-measure-worker"), options.gpus,
                                 {.python = options.python,
                                  .scripts = beside_this_executable("triton"),
                                  .engine_paths = options.engine_paths,
                                  .kernel_paths = options.kernel_paths});
  if (!machine) return std::unexpected(machine.error());
  parts->machine = std::move(*machine);

  auto scheduler = Scheduler::start(scheduler_options(options, parts->scratch->path()),
                                    {*parts->database, *parts->cache, *parts->uploads, parts->machine});
  if (!scheduler) return std::unexpected(scheduler.error());
  parts->scheduler = std::move(*scheduler);
  if (options.publish) {
    parts->publisher = std::make_unique<FolderPublisher>(
        FolderPublisher::Options{.folder = std::filesystem::absolute(*options.publish).lexically_normal()},
        *parts->database);
  }
  Parts& living = *parts;
  http::Options http_options;
  http_options.listen = options.listen;
  http_options.token_file = options.token_file;
  auto server = http::HttpServer::start(http_options, {.sweeps = *living.scheduler,
                                                       .database = *living.database,
                                                       .cache = *living.cache,
                                                       .uploads = *living.uploads,
                                                       .doctor =
                                                           [&living, data = options.data_dir] {
                                                             return doctor_report(living.machine, *living.cache, data,
                                                                                  living.publisher.get());
                                                           },
                                                       .publisher = living.publisher.get()});
  if (!server) return std::unexpected(server.error());
  parts->server = std::move(*server);
  parts->url = parts->server->url();
  auto file = DaemonFile::write(options.data_dir, parts->url);
  if (!file) return std::unexpected(file.error());
  parts->file = std::make_unique<DaemonFile>(std::move(*file));
  return std::unique_ptr<DaemonApp>(new DaemonApp(std::move(parts)));
}

}  // namespace moetune::daemon
