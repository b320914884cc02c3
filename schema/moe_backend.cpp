#include "schema/moe_backend.hpp"

#include <algorithm>
#include <array>

#include "schema/log_match.hpp"

namespace moetune::schema {
namespace {

constexpr std::size_t k_longest_name = 60;

bool has(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

/// `name`: what stands between "Using" and "MoE backend", or the value of an option, squeezed. The Triton kernel that
/// reads files knows no 4-bit floats and no microscaling; triton_kernels is another package.
bool reads_files(std::string name) {
  std::erase_if(name, [](char c) { return c == '_' || c == '-' || c == '\'' || c == '"'; });
  for (const char* other : {"tritonkernel", "emulation", "fp4", "mxfp", "ocpmx"}) {
    if (has(name, other)) return false;
  }
  return has(name, "triton");
}

/// The length of the name in "X MoE backend" and its older forms; nothing when the line goes on otherwise.
std::optional<std::size_t> name_length(std::string_view line) {
  const auto moe_after = [&](std::string_view words, std::size_t reach) -> std::optional<std::size_t> {
    const auto found = line.find(words);
    if (found == std::string_view::npos) return std::nullopt;
    return has(line.substr(found + words.size(), reach), "moe") ? std::optional(found) : std::nullopt;
  };
  std::optional<std::size_t> length;
  if (const auto found = line.find("moebackend"); found != std::string_view::npos) length = found;
  if (!length) length = moe_after("backendfor", 12);
  if (!length) length = moe_after("kernelsfor", 32);
  if (!length && line.starts_with("compressedtensorswna16marlinmoe"))
    length = std::string_view("compressedtensorswna16marlin").size();
  if (!length || *length == 0 || *length > k_longest_name) return std::nullopt;
  const std::string_view name = line.substr(0, *length);
  if (name.find_first_of(".:;(){}=%") != std::string_view::npos || has(name, "backend")) return std::nullopt;
  return length;
}

/// The words of the log from `at` on, as many as hold `count` characters that are no spaces.
std::string words_of(std::string_view text, std::size_t at, std::size_t count) {
  std::string words;
  for (; at < text.size() && count > 0; ++at) {
    if (text[at] != ' ') --count;
    words += text[at];
  }
  return words;
}

/// Where the words about the backend end in the squeezed line whose name has that length.
std::size_t sentence_end(std::string_view line, std::size_t name) {
  const auto moe = line.find("moe", name);
  if (moe == std::string_view::npos) return name;
  for (const std::string_view words : {"moebackend", "moemethod", "moe"}) {
    if (line.substr(moe).starts_with(words)) return moe + words.size();
  }
  return name;
}

std::optional<MoeBackend> backend_used(std::string_view text, std::size_t at) {
  constexpr std::string_view k_using = "using";
  const auto start = match_words(text, at, k_using);
  if (!start || *start >= text.size() || text[*start] != ' ') return std::nullopt;
  const std::string line = squeezed_line(text, *start, k_backend_reach - k_using.size());
  const auto length = name_length(line);
  if (!length) return std::nullopt;
  return MoeBackend{words_of(text, at, k_using.size() + sentence_end(line, *length)),
                    reads_files(line.substr(0, *length))};
}

std::optional<MoeBackend> backend_asked_for(std::string_view text, std::size_t at) {
  constexpr std::array<std::string_view, 4> k_options = {"moe_runner_backend", "moe-runner-backend", "moe_backend",
                                                         "moe-backend"};
  for (const std::string_view option : k_options) {
    if (!text.substr(at).starts_with(option)) continue;
    std::size_t begin = at + option.size();
    const auto skip = [&](std::string_view any) {
      const auto next = text.find_first_not_of(any, begin);
      const bool moved = next != begin;
      begin = std::min(next, text.size());
      return moved;
    };
    skip("'\"");
    if (!skip(" =:")) return std::nullopt;
    skip("'\"");
    std::size_t end = begin;
    while (end < text.size() && end - begin <= k_longest_name && (is_word_character(text[end]) || text[end] == '-'))
      ++end;
    std::string value(text.substr(begin, end - begin));
    std::ranges::transform(value, value.begin(), lower_case);
    if (value.empty() || value.size() > k_longest_name || value == "auto" || value == "none") return std::nullopt;
    const bool is_told = text.substr(at, begin - at).find_first_of("=:") != std::string_view::npos;
    if (!is_told) return std::nullopt;  // prose, or an option on a command line that never ran
    return MoeBackend{std::string(text.substr(at, end - at)), reads_files(value)};
  }
  return std::nullopt;
}

}  // namespace

std::optional<MoeBackend> moe_backend_at(std::string_view text, std::size_t at) {
  if (at >= text.size()) return std::nullopt;
  text = text.substr(0, k_backend_reach < text.size() - at ? at + k_backend_reach : text.size());
  if (lower_case(text[at]) == 'u') return backend_used(text, at);
  if (text[at] == 'm') return backend_asked_for(text, at);
  return std::nullopt;
}

}  // namespace moetune::schema
