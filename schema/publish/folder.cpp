#include "schema/publish/folder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "schema/publish/disk.hpp"
#include "schema/publish/generation_store.hpp"
#include "schema/publish/manifest.hpp"
#include "schema/timestamp.hpp"

namespace moetune::schema::publish {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

/// What stands where an engine looks.
enum class Standing {
  nothing,
  ours,   ///< the link through the current generation
  file,   ///< a file of somebody's, or a link to one
  other,  ///< a folder, a device: never replaced
};

Standing standing_at(const fs::path& folder, const std::string& path) {
  std::error_code error;
  const auto place = folder / path;
  const auto kind = fs::symlink_status(place, error).type();
  if (kind == fs::file_type::not_found || kind == fs::file_type::none) return Standing::nothing;
  if (kind == fs::file_type::regular) return Standing::file;
  if (kind != fs::file_type::symlink) return Standing::other;
  return fs::read_symlink(place, error) == GenerationStore::link_target(path) ? Standing::ours : Standing::file;
}

std::vector<std::string> paths_of(const FileSet& set) {
  std::vector<std::string> paths;
  for (const auto& file : set.files) paths.push_back(file.path);
  return paths;
}

/// One update of a folder, in the order of its steps.
class Update {
 public:
  Update(fs::path folder, const Publication& publication, Force force, GenerationStore store, const Disk& disk)
      : folder_(std::move(folder)), publication_(publication), force_(force), store_(std::move(store)), disk_(disk) {}

  Result<Report> run() {
    for (auto step : {&Update::read_manifest, &Update::release_changed_files, &Update::choose, &Update::write}) {
      if (auto done = (this->*step)(); !done) return std::unexpected(done.error());
    }
    return std::move(report_);
  }

 private:
  Result<void> read_manifest();
  Result<void> release_changed_files();
  Result<void> choose();
  Result<void> write();

  Standing standing(const std::string& path) const { return standing_at(folder_, path); }
  std::string manifest_path() const { return std::string(k_manifest_name); }
  /// Why a file may not be put at a path; empty when it may.
  std::string objection(const PlannedFile& file) const;
  void accept(const FileSet& set);
  void refuse(const FileSet& set, const std::map<std::string, std::string>& objections);
  void keep_the_rest();
  bool is_up_to_date() const;
  Result<void> begin_first_generation();
  Result<void> build_generation();
  Result<void> place_link(const std::string& path);
  Result<void> place_links();
  void remove_dangling_links();

  fs::path folder_;
  const Publication& publication_;
  Force force_;
  GenerationStore store_;
  const Disk& disk_;
  Manifest before_;
  Manifest after_;
  std::map<std::string, const PlannedFile*> accepted_;
  std::set<std::string> refused_;
  Report report_;
};

Result<void> Update::read_manifest() {
  const auto text = store_.manifest();
  if (!text) return std::unexpected(text.error());
  if (!*text) return {};
  auto manifest = manifest_from_text(**text, (folder_ / k_manifest_name).string());
  if (manifest) {
    before_ = std::move(*manifest);
  } else if (force_ == Force::no) {
    return std::unexpected(manifest.error());
  }
  return {};
}

/// A file that somebody changed through its link becomes a file of its own, so that no generation takes it along.
Result<void> Update::release_changed_files() {
  for (auto entry = before_.files.begin(); entry != before_.files.end();) {
    const auto& [path, facts] = *entry;
    const auto bytes = read_small(*store_.file(path));
    const bool intact = bytes && sha256_hex(*bytes) == facts.sha256;
    if (!intact && bytes && standing(path) == Standing::ours) {
      if (auto placed = disk_.place_file(*store_.file(path), folder_ / path); !placed) return placed;
    }
    entry = intact ? std::next(entry) : before_.files.erase(entry);
  }
  return {};
}

std::string Update::objection(const PlannedFile& file) const {
  const auto known = before_.files.find(file.path);
  switch (standing(file.path)) {
    case Standing::nothing:
      return "";
    case Standing::other:
      return "something that is no file is in the way";
    case Standing::ours:
      if (known == before_.files.end() || known->second.database == publication_.database || force_ == Force::yes) {
        return "";
      }
      return fmt::format("it was published from the database {}", known->second.database);
    case Standing::file:
      break;
  }
  if (force_ == Force::yes) return "";
  const auto bytes = read_small(folder_ / file.path);
  if (!bytes)
    return bytes.error().code == ErrorCode::not_found ? "a link that leads nowhere is in the way"
                                                      : bytes.error().message;
  const bool copy_of_ours = known != before_.files.end() && known->second.sha256 == sha256_hex(*bytes);
  return *bytes == file.bytes || copy_of_ours ? "" : "moetune did not write it, or somebody changed it";
}

void Update::accept(const FileSet& set) {
  for (const auto& file : set.files) {
    const ManifestEntry entry{.sha256 = sha256_hex(file.bytes),
                              .database = publication_.database,
                              .set = paths_of(set),
                              .lost = std::nullopt,
                              .source = set.source};
    const auto known = before_.files.find(file.path);
    const bool same =
        known != before_.files.end() && known->second.sha256 == entry.sha256 && standing(file.path) == Standing::ours;
    (same ? report_.unchanged : report_.written).push_back(file.path);
    accepted_[file.path] = &file;
    after_.files[file.path] = entry;
  }
}

void Update::refuse(const FileSet& set, const std::map<std::string, std::string>& objections) {
  for (const auto& file : set.files) {
    const auto own = objections.find(file.path);
    refused_.insert(file.path);
    report_.refused.push_back(
        {file.path, own != objections.end()
                        ? own->second
                        : fmt::format("it belongs to {}, which cannot be written", objections.begin()->first)});
  }
}

/// Files of earlier updates that this one does not write.
void Update::keep_the_rest() {
  for (const auto& [path, entry] : before_.files) {
    if (after_.files.contains(path) || standing(path) != Standing::ours) continue;
    ManifestEntry kept = entry;
    const bool is_judged = entry.database == publication_.database && publication_.scope.covers(entry.source);
    if (is_judged && !refused_.contains(path)) {
      const auto told = std::ranges::find(publication_.left_out, path, &LeftOut::path);
      kept.lost = told != publication_.left_out.end() ? told->reason : "no trusted rows made it this time";
      report_.lost.push_back({path, *kept.lost});
    }
    after_.files[path] = std::move(kept);
  }
}

Result<void> Update::choose() {
  for (const auto& set : publication_.sets) {
    std::map<std::string, std::string> objections;
    for (const auto& file : set.files) {
      if (auto why = objection(file); !why.empty()) objections.emplace(file.path, std::move(why));
    }
    if (objections.empty()) {
      accept(set);
    } else {
      refuse(set, objections);
    }
  }
  keep_the_rest();
  for (const auto& file : publication_.left_out) report_.left_out.push_back({file.path, file.reason});
  const auto manifest = standing(manifest_path());
  if (manifest == Standing::other || (manifest == Standing::file && force_ == Force::no)) {
    return fail(ErrorCode::conflict, fmt::format("{} is in the way of the manifest, and moetune did not write it",
                                                 (folder_ / k_manifest_name).string()));
  }
  return {};
}

bool Update::is_up_to_date() const {
  const auto is_placed = [&](const auto& entry) { return standing(entry.first) == Standing::ours; };
  return store_.file(manifest_path()) && before_.files == after_.files && standing(manifest_path()) == Standing::ours &&
         std::ranges::all_of(after_.files, is_placed);
}

/// So that there is something to see through the links that come before the first files.
Result<void> Update::begin_first_generation() {
  if (store_.file(manifest_path())) return {};
  if (auto begun = store_.begin(); !begun) return begun;
  return store_.commit(to_text({publication_.tool_version, to_text(now()), {}}));
}

Result<void> Update::build_generation() {
  if (auto begun = store_.begin(); !begun) return begun;
  for (const auto& [path, entry] : after_.files) {
    const auto known = before_.files.find(path);
    const bool same = known != before_.files.end() && known->second.sha256 == entry.sha256;
    auto done = same ? store_.keep(path) : store_.add(path, accepted_.at(path)->bytes);
    if (!done) return done;
  }
  return {};
}

/// Puts the link to a path's place. What stood there is seen through it until the new generation counts.
Result<void> Update::place_link(const std::string& path) {
  const auto place = folder_ / path;
  const auto stands = standing(path);
  if (stands == Standing::ours) return {};
  std::error_code error;
  if (stands == Standing::file && fs::is_regular_file(place, error)) {
    if (auto sheltered = store_.shelter(path, place); !sheltered) return sheltered;
  }
  return disk_.place_symlink(GenerationStore::link_target(path), place);
}

Result<void> Update::place_links() {
  std::set<fs::path> folders = {folder_};
  for (const auto& [path, file] : accepted_) {
    const auto below = fs::path(path).parent_path();
    if (auto made = disk_.make_folders(folder_, below); !made) return made;
    folders.insert(folder_ / below);
    if (auto placed = place_link(path); !placed) return placed;
  }
  if (auto placed = place_link(manifest_path()); !placed) return placed;
  for (const auto& each : folders) {
    if (auto synced = disk_.sync_folder(each); !synced) return synced;
  }
  return {};
}

/// Links that a killed update made for files which never came.
void Update::remove_dangling_links() {
  std::vector<fs::path> dangling;
  std::error_code ignored;
  for (auto entry = fs::recursive_directory_iterator(folder_, ignored); entry != fs::recursive_directory_iterator();
       entry.increment(ignored)) {
    const fs::path path = entry->path().lexically_relative(folder_);
    const bool has_engine_files = path == "configs" || path.parent_path() == "configs";
    if (entry->is_directory(ignored) && !has_engine_files) entry.disable_recursion_pending();
    if (path.filename() == Disk::k_temporary) dangling.push_back(entry->path());
    if (!is_publishable(path.string()) || standing(path.string()) != Standing::ours) continue;
    if (!fs::exists(entry->path(), ignored)) dangling.push_back(entry->path());
  }
  for (const auto& path : dangling) disk_.remove(path);
}

Result<void> Update::write() {
  remove_dangling_links();
  const bool all_refused = accepted_.empty() && !refused_.empty();
  if (all_refused && !store_.file(manifest_path())) return {};
  // SGLang insists on it, whatever is in it.
  if (auto made = disk_.make_folders(folder_, "configs"); !made) return made;
  if (is_up_to_date()) return {};
  after_.tool_version = publication_.tool_version;
  after_.written_at = to_text(now());
  for (auto step : {&Update::begin_first_generation, &Update::build_generation, &Update::place_links}) {
    if (auto done = (this->*step)(); !done) return done;
  }
  return store_.commit(to_text(after_));
}

/// Folders that an update may make on its way to its files, the deepest first.
std::vector<fs::path> missing_folders(const fs::path& folder) {
  std::vector<fs::path> missing;
  std::error_code ignored;
  for (fs::path each = folder / "configs"; !fs::exists(fs::symlink_status(each, ignored)); each = each.parent_path()) {
    missing.push_back(each);
    if (each == each.parent_path()) break;
  }
  return missing;
}

Result<Report> update_existing(const fs::path& folder, const Publication& publication, Force force, const Disk& disk) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) return io_failure("make the folder", folder, error.value());
  auto store = GenerationStore::open(folder, disk);
  if (!store) return std::unexpected(store.error());
  return Update(folder, publication, force, std::move(*store), disk).run();
}

ordered_json notes_json(const std::vector<Note>& notes) {
  ordered_json list = ordered_json::array();
  for (const auto& note : notes) list.push_back({{"path", note.path}, {"reason", note.reason}});
  return list;
}

}  // namespace

ordered_json to_json(const Report& report) {
  return {{"written", report.written},
          {"unchanged", report.unchanged},
          {"refused", notes_json(report.refused)},
          {"without_ground", notes_json(report.lost)},
          {"left_out", notes_json(report.left_out)}};
}

Result<Report> update_folder(const fs::path& folder, const Publication& publication, Force force,
                             std::function<void()> after_step) {
  const auto missing = missing_folders(folder);
  const Disk disk(std::move(after_step));
  auto report = update_existing(folder, publication, force, disk);
  std::error_code ignored;
  const bool is_another_s = !report && report.error().code == ErrorCode::conflict;
  if (is_another_s || fs::exists(folder / k_manifest_name, ignored)) return report;
  for (const auto& each : missing) fs::remove(each, ignored);  // those that stayed empty
  return report;
}

}  // namespace moetune::schema::publish
