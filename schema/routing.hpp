#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "schema/error.hpp"
#include "schema/problem.hpp"

namespace moetune::schema {

/// How tokens choose their experts. uniform: every expert alike. zipf: the expert of rank r, ranks drawn anew for each
/// layer, with weight 1 / r^exponent. counts: as often as somebody counted (ExpertCounts).
enum class RoutingKind { uniform, zipf, counts };

struct Routing {
  RoutingKind kind = RoutingKind::uniform;
  double exponent = 0;  ///< of zipf, in steps of 0.01
  std::string digest;   ///< of counts: first 16 hex digits of the SHA-256 of the canonical content
  bool operator==(const Routing&) const = default;
};

inline constexpr double k_least_exponent = 0.01;
inline constexpr double k_most_exponent = 4;
inline constexpr std::size_t k_counts_digits = 16;

/// Reads "uniform", "zipf" (exponent 1), "zipf:1.2" or "counts:0123456789abcdef". Errors: invalid_argument, which says
/// what is known.
Result<Routing> routing_from_name(std::string_view name);
/// The canonical name: equal routings have equal names.
std::string name_of(const Routing& routing);
/// The canonical form of a routing's name; a name that is none comes back as it is, since rows from elsewhere may have
/// any.
std::string canonical_routing(std::string_view name);

/// How many tokens each expert got, by layer. Weights of a draw: a token's experts are drawn with these odds, without
/// replacement.
struct ExpertCounts {
  std::vector<std::vector<std::int64_t>> layers;  ///< each (E)
  bool operator==(const ExpertCounts&) const = default;
};

/// {"layers": [[...], ...]}, for one layer and for many: what the digest of a name is made of.
nlohmann::ordered_json to_json(const ExpertCounts& counts);
/// Reads {"counts": [...]} or {"layers": [[...], ...]}, strictly. Errors: invalid_argument naming the field.
Result<ExpertCounts> expert_counts_from_json(const nlohmann::json& value);
/// Whether the counts are of as many experts as the problem has, and of topk at least not zero. Errors:
/// invalid_argument naming the layer.
Result<void> check_expert_counts(const ExpertCounts& counts, const Problem& problem);

}  // namespace moetune::schema
