#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace moetune::schema::publish {

/// Conditions of a file that whoever asks may waive; the words of `GET /publication` for it.
inline constexpr std::string_view k_allow_recorded = "allow_recorded";
inline constexpr std::string_view k_allow_gaps = "allow_gaps";

/// A kernel whose rows make files of an engine.
struct EngineKernel {
  std::string engine;
  std::string kernel;
  bool operator==(const EngineKernel&) const = default;
};

/// Which files a publication was asked for. About others it says nothing: they may be as true as ever.
struct Scope {
  std::vector<EngineKernel> kernels;
  std::vector<std::string> exceptions;  ///< conditions that were waived
  bool operator==(const Scope&) const = default;

  /// Whether a file of that source (as a manifest keeps it: "engine", "kernel" and, where it needed some, "exceptions")
  /// would be in the publication if its rows still made it. False for a source without engine and kernel.
  bool covers(const nlohmann::ordered_json& source) const;
};

/// {"kernels": [{"engine", "kernel"}], "exceptions": []}.
nlohmann::ordered_json to_json(const Scope& scope);
/// Throws nlohmann's exception for anything else.
Scope scope_from_json(const nlohmann::ordered_json& value);

}  // namespace moetune::schema::publish
