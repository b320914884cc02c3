#pragma once

#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "schema/error.hpp"
#include "schema/publish/publication.hpp"

namespace moetune::schema::publish {

/// Whether files that moetune did not write, or that somebody changed, may be replaced.
enum class Force { no, yes };

/// A file and what is to be said of it.
struct Note {
  std::string path;
  std::string reason;
  bool operator==(const Note&) const = default;
};

/// What an update made of a folder. All paths are below it.
struct Report {
  std::vector<std::string> written;    ///< new or changed
  std::vector<std::string> unchanged;  ///< right as they were, and not touched
  std::vector<Note> refused;           ///< somebody else's, left as they are
  std::vector<Note> lost;              ///< asked for, and no rows make them any more; left as they are
  std::vector<Note> left_out;          ///< of the publication: not trusted enough
};

/// {"written", "unchanged", "refused", "without_ground", "left_out"}; notes are {"path", "reason"}.
nlohmann::ordered_json to_json(const Report& report);

/// Brings a folder up to date: vLLM's files in it ($VLLM_TUNED_CONFIG_FOLDER), SGLang's below configs/
/// ($SGLANG_MOE_CONFIG_DIR), and moetune.json, the manifest. Readers see the files of before or those of after, never
/// a mixture, whenever this process or the machine ends; files that stay as they are keep their time of change. A file
/// that moetune did not write, or that was changed since, stays and is named, with all files of its set, unless
/// forced. Where nothing can be published and nothing ever was, no trace is left. `after_step` is for tests: called
/// after every change of the disk. Errors: io; conflict when another process holds the folder; data_damaged for a
/// damaged manifest (which force starts anew).
Result<Report> update_folder(const std::filesystem::path& folder, const Publication& publication, Force force,
                             std::function<void()> after_step = {});

}  // namespace moetune::schema::publish
