#include "schema/engine_log.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include "schema/log_match.hpp"
#include "schema/log_text.hpp"
#include "schema/moe_backend.hpp"

namespace moetune::schema {
namespace {

constexpr std::size_t k_piece = 1 << 16;  ///< scanned at once
constexpr std::size_t k_reach = 1024;     ///< no word or name is longer
constexpr std::size_t k_longest_name = 600;
constexpr int k_most_breaks = 3;  ///< line ends between "not found" and the path

enum class Told : std::uint8_t { nothing, missing, found, other_version, dense };

/// What words mean for the statement that they stand in.
struct Words {
  std::string_view text;  ///< in small letters, without spaces
  Told told = Told::nothing;
  bool begins = false;  ///< a new statement
  bool is_sglang = false;
};

// As vLLM 0.8 to 0.33 and SGLang 0.4.6 to 0.5.23 log them.
constexpr std::array k_words = {
    Words{"usingdefaultmoekernelconfig", Told::nothing, true, true},
    Words{"usingdefaultmoeconfig", Told::nothing, true, false},
    Words{"usingmoekernelconfigwithdown_moe=false", Told::nothing, true, true},
    Words{"downmoeconfigfilenotfound", Told::missing, true, true},
    Words{"usingdefaultw8a8blockfp8kernelconfig", Told::dense, true, false},
    Words{"configfilenotfound", Told::missing, false, false},
    Words{"fallbacktotritonversion", Told::other_version, false, true},
    Words{"usingmoekernelconfigfrom", Told::found, true, true},
    Words{"usemoekernelconfigfrom", Told::other_version, false, true},
    Words{"usingconfigurationfrom", Told::found, true, false},
};

/// Under these no engine reads a file.
constexpr std::array<std::string_view, 3> k_invariance = {
    "vllm_batch_invariantisenabled", "deterministicinferenceisenabled", "enable_deterministic_inference=true"};

/// A file name as it stands in a log.
struct SeenName {
  std::string text;     ///< without what wraps put in
  bool broken = false;  ///< a line end stood in it: whether it has spaces is not known
  std::size_t end = 0;
  bool is_complete = false;
};

/// The name that begins at `at` with "E="; nothing when it is something else.
std::optional<SeenName> name_at(std::string_view text, std::size_t at) {
  SeenName name;
  bool after_break = false;
  const std::size_t end = std::min(text.size(), at + k_longest_name);
  for (; at < end && !name.is_complete; ++at) {
    const char c = text[at];
    if (c == '\n') {
      name.broken = after_break = true;
      continue;
    }
    if (c == ' ' && after_break) continue;
    after_break = false;
    const bool in_block = name.text.ends_with(',') && name.text.rfind('[') != std::string::npos;
    if ((c == ' ' && !in_block) || c == '"' || c == '\'' || static_cast<unsigned char>(c) < ' ') break;
    name.text += c;
    name.is_complete = name.text.ends_with(".json");
  }
  name.end = at;
  // A folder may be called like a file.
  const auto device = name.text.find(",device_name=");
  const bool is_folder = name.text.find("/E=") != std::string::npos || name.text.find('/') < device;
  if (is_folder || device == std::string::npos || name.text.find(",N=") > device) return std::nullopt;
  return name;
}

/// Reads a name that an engine could have written, whatever spaces a wrap took from it.
Result<EngineFileName> read_name(const SeenName& seen) {
  auto name = engine_file_name_from_text(seen.text);
  if (name && !name->exact && seen.broken && name->block_shape) {
    std::string spaced = seen.text;
    spaced.insert(spaced.find(',', spaced.rfind('[')) + 1, " ");
    name = engine_file_name_from_text(spaced);
  }
  if (!name || (name->exact && !name->device.empty())) return name;
  constexpr std::size_t k_shown = 200;
  return fail(ErrorCode::invalid_argument, "no engine writes the name \"" + seen.text.substr(0, k_shown) + "\"");
}

/// One sentence of a log with the files that it names.
struct Statement {
  Told told = Told::nothing;
  bool is_sglang = false;               ///< its words are SGLang's alone
  std::optional<EngineFormat> of_path;  ///< the engine in whose package or folder the last path lies
  std::vector<SeenName> names;
  int breaks = 0;
};

/// What is known of one file so far.
struct Entry {
  LoggedFile file;
  std::optional<EngineFormat> engine;
  Told told = Told::nothing;
};

}  // namespace

struct EngineLog::Scan {
  LogText plain;
  std::string window;
  char before = '\n';  ///< the character before the window
  char last_seen = '\n';
  Statement statement;
  std::vector<Entry> entries;
  EngineLogFindings findings;
  bool has_vllm = false;
  bool has_sglang = false;

  void scan(std::size_t end);
  std::size_t step(std::size_t at);
  bool begins_word(std::size_t at) const;
  std::optional<std::size_t> take_words(std::size_t at);
  std::optional<std::size_t> take_name(std::size_t at);
  void take_invariance(std::size_t at);
  void take_backend(std::size_t at);
  void take_engine(std::size_t at);
  void take_line_end();
  void close();
  void enter(const SeenName& seen);
  std::optional<EngineFormat> engine_of(const EngineFileName& name) const;

  template <typename Item>
  void add(std::vector<Item>& list, Item item) {
    if (std::ranges::find(list, item) != list.end()) return;
    if (list.size() < k_most_logged) {
      list.push_back(std::move(item));
    } else {
      findings.is_cut = true;
    }
  }
};

bool EngineLog::Scan::begins_word(std::size_t at) const {
  return !is_word_character(at == 0 ? before : window[at - 1]);
}

std::optional<std::size_t> EngineLog::Scan::take_words(std::size_t at) {
  for (const Words& words : k_words) {
    const auto end = match_words(window, at, words.text);
    if (!end) continue;
    if (words.begins || !statement.names.empty()) close();
    statement.is_sglang |= words.is_sglang;
    // "Using default W8A8 ... config. ... Config file not found at": the first words say whose file it is.
    if (words.told != Told::nothing && statement.told != Told::dense) statement.told = words.told;
    if (statement.told == Told::dense) findings.has_dense_layers = true;
    statement.breaks = 0;
    return end;
  }
  return std::nullopt;
}

std::optional<std::size_t> EngineLog::Scan::take_name(std::size_t at) {
  auto name = name_at(window, at);
  if (!name) return std::nullopt;
  const std::size_t end = name->end;
  if (statement.names.size() < k_most_logged) statement.names.push_back(std::move(*name));
  return end;
}

void EngineLog::Scan::take_invariance(std::size_t at) {
  constexpr std::size_t k_shown = 80;
  const auto tell = [&](std::size_t end) { add(findings.invariance, window.substr(at, std::min(end - at, k_shown))); };
  for (const std::string_view words : k_invariance) {
    if (const auto end = match_words(window, at, words)) return tell(*end);
  }
  const auto name = match_words(window, at, "vllm_batch_invariant");
  if (!name) return;
  const auto value = window.find_first_not_of("'\"=: ", *name);
  if (value == std::string::npos || value == *name || value - *name > 6) return;
  if (window[value] == '1' && (value + 1 >= window.size() || !is_word_character(window[value + 1]))) tell(value + 1);
  if (const auto end = match_words(window, value, "true")) tell(*end);
}

void EngineLog::Scan::take_backend(std::size_t at) {
  constexpr std::size_t k_shown = 120;
  auto backend = moe_backend_at(window, at);
  if (backend) add(findings.backends, {backend->words.substr(0, k_shown), backend->reads_files});
}

void EngineLog::Scan::take_engine(std::size_t at) {
  if (match_words(window, at, "vllm")) {
    has_vllm = true;
    if (statement.told != Told::nothing) statement.of_path = EngineFormat::vllm;
  } else if (match_words(window, at, "sglang") || match_words(window, at, "sgl-project")) {
    has_sglang = true;
    if (statement.told != Told::nothing) statement.of_path = EngineFormat::sglang;
  }
}

/// A statement ends with its line, unless a wrap cut it before its path or after a comma.
void EngineLog::Scan::take_line_end() {
  if (statement.told == Told::dense) return close();
  if (statement.told == Told::nothing && statement.names.empty() && !statement.is_sglang) return;
  if (!statement.names.empty() ? last_seen != ',' : ++statement.breaks > k_most_breaks) close();
}

std::size_t EngineLog::Scan::step(std::size_t at) {
  const char c = window[at];
  if (c == '\n') {
    take_line_end();
    return at + 1;
  }
  if (c == ' ') return at + 1;
  std::optional<std::size_t> end;
  switch (lower_case(c)) {
    case 'e':
      if (!begins_word(at)) break;
      if (match_words(window, at, "e=")) end = take_name(at);
      take_invariance(at);
      break;
    case 'u':
      if (begins_word(at)) take_backend(at);
      [[fallthrough]];
    case 'c':
    case 'f':
    case 'd':
      if (!begins_word(at)) break;
      end = take_words(at);
      if (!end) take_invariance(at);
      break;
    case 'm':
      if (begins_word(at)) take_backend(at);
      break;
    case 'v':
      if (begins_word(at)) take_invariance(at);
      [[fallthrough]];
    case 's':
      take_engine(at);
      break;
    default:
      break;
  }
  const std::size_t next = end.value_or(at + 1);
  last_seen = window[next - 1];
  return next;
}

void EngineLog::Scan::scan(std::size_t end) {
  std::size_t at = 0;
  while (at < end) at = step(at);
  at = std::min(at, window.size());
  if (at > 0) before = window[at - 1];
  window.erase(0, at);
}

std::optional<EngineFormat> EngineLog::Scan::engine_of(const EngineFileName& name) const {
  if (statement.is_sglang) return EngineFormat::sglang;
  return name.format ? name.format : statement.of_path;
}

void EngineLog::Scan::enter(const SeenName& seen) {
  constexpr std::size_t k_shown = 200;
  const bool is_told = statement.told != Told::nothing;
  if (!seen.is_complete) {
    if (is_told) add(findings.unreadable, "the log breaks off in \"" + seen.text.substr(0, k_shown) + "\"");
    return;
  }
  auto name = read_name(seen);
  if (!name) {
    if (is_told) add(findings.unreadable, std::move(name.error().message));
    return;
  }
  if (seen.broken && !name->per_channel_quant && name->gemm == Gemm::up) name->format.reset();
  const auto engine = engine_of(*name);
  name->format.reset();  // the engine is told from the whole statement, and wraps take spaces away
  const auto same = [&](const Entry& entry) {
    return entry.file.name == *name && (!engine || !entry.engine || *engine == *entry.engine);
  };
  auto entry = std::ranges::find_if(entries, same);
  if (entry == entries.end()) {
    if (entries.size() >= k_most_logged) {
      findings.is_cut = true;
      return;
    }
    entries.push_back({{*name, seen.text, EngineFormat::vllm}, engine, Told::nothing});
    entry = entries.end() - 1;
  }
  if (!entry->engine) entry->engine = engine;
  if (is_told) entry->told = statement.told;
}

void EngineLog::Scan::close() {
  // A file of another Triton version is no file of this one: what was missing before it stays missing.
  if (statement.told != Told::other_version && statement.told != Told::dense) {
    for (const SeenName& name : statement.names) enter(name);
  }
  statement = Statement();
}

EngineLog::EngineLog() : scan_(std::make_unique<Scan>()) {}
EngineLog::EngineLog(EngineLog&&) noexcept = default;
EngineLog& EngineLog::operator=(EngineLog&&) noexcept = default;
EngineLog::~EngineLog() = default;

void EngineLog::read(std::string_view piece) {
  while (!piece.empty()) {
    const std::string_view part = piece.substr(0, k_piece);
    piece.remove_prefix(part.size());
    scan_->plain.append(part, scan_->window);
    if (scan_->window.size() > k_piece) scan_->scan(scan_->window.size() - k_reach);
  }
}

EngineLogFindings EngineLog::finish() {
  Scan& scan = *scan_;
  scan.scan(scan.window.size());
  scan.close();
  const auto fallback = scan.has_sglang && !scan.has_vllm ? EngineFormat::sglang : EngineFormat::vllm;
  for (Entry& entry : scan.entries) {
    entry.file.engine = entry.engine.value_or(fallback);
    auto& list = entry.told == Told::missing ? scan.findings.missing
                 : entry.told == Told::found ? scan.findings.found
                                             : scan.findings.named;
    list.push_back(std::move(entry.file));
  }
  return std::move(scan.findings);
}

EngineLogFindings read_engine_log(std::string_view text) {
  EngineLog log;
  log.read(text);
  return log.finish();
}

}  // namespace moetune::schema
