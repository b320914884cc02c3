#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "schema/engine_file.hpp"
#include "schema/engine_file_name.hpp"

namespace moetune::schema {

/// A file that the log of an engine tells of.
struct LoggedFile {
  EngineFileName name;
  std::string text;  ///< the name, as the engine spells it
  EngineFormat engine = EngineFormat::vllm;

  bool operator==(const LoggedFile&) const = default;
};

/// A line that says what computes the MoE layers.
struct LoggedBackend {
  std::string words;        ///< the log's, cut where it gets long
  bool reads_files = true;  ///< whether that is the Triton kernel that a file steers

  bool operator==(const LoggedBackend&) const = default;
};

/// What a log of vLLM or SGLang says about tuned files. Every list is distinct, in the order of appearance, and holds
/// k_most_logged entries at most.
struct EngineLogFindings {
  std::vector<LoggedFile> missing;  ///< looked for in vain, the last time that the log tells of
  std::vector<LoggedFile> found;    ///< read, the last time that the log tells of
  std::vector<LoggedFile> named;    ///< names without a word on whether the file was there
  std::vector<LoggedBackend> backends;
  std::vector<std::string> invariance;  ///< words that tell of batch invariance, under which no file is read
  std::vector<std::string> unreadable;  ///< why a name that was looked for cannot be read, e.g. because it is cut off
  bool has_dense_layers = false;        ///< the file of a dense layer's kernel was looked for in vain
  bool is_cut = false;                  ///< there was more than k_most_logged of something

  bool operator==(const EngineLogFindings&) const = default;
};

inline constexpr std::size_t k_most_logged = 256;

/// Reads a log piece by piece, of any length in bounded memory. Takes lines as they come out of terminals, containers
/// and collectors: with prefixes and colours, wrapped, or escaped inside JSON. Knows the wordings of vLLM 0.8 to 0.33
/// and SGLang 0.4.6 to 0.5.23. Not thread-safe.
class EngineLog {
 public:
  EngineLog();
  EngineLog(EngineLog&&) noexcept;
  EngineLog& operator=(EngineLog&&) noexcept;
  ~EngineLog();

  void read(std::string_view piece);
  /// What was found in all that was read; nothing may be read after it.
  EngineLogFindings finish();

 private:
  struct Scan;
  std::unique_ptr<Scan> scan_;
};

/// The findings of a text that is there as a whole.
EngineLogFindings read_engine_log(std::string_view text);

}  // namespace moetune::schema
