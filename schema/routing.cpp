#include "schema/routing.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "schema/strict_json.hpp"

namespace moetune::schema {
namespace {

constexpr std::string_view k_uniform = "uniform";
constexpr std::string_view k_zipf = "zipf";
constexpr std::string_view k_counts = "counts:";
constexpr std::size_t k_most_experts = 65536;
constexpr std::size_t k_most_layers = 1024;
constexpr std::int64_t k_most_tokens = 1LL << 53;  // a double holds every number up to it

std::unexpected<Error> unknown(std::string_view name) {
  return fail(ErrorCode::invalid_argument,
              fmt::format("routing \"{}\" is not known; use uniform, zipf:S with S from {} to {}, or a file of expert "
                          "counts",
                          name.substr(0, 80), k_least_exponent, k_most_exponent));
}

Result<Routing> zipf_from_text(std::string_view name, std::string_view text) {
  double exponent = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, exponent, std::chars_format::fixed);
  if (error != std::errc() || stop != end) return unknown(name);
  const bool inside = exponent >= k_least_exponent && exponent <= k_most_exponent;
  const double steps = exponent * 100;
  if (!inside || std::abs(steps - std::round(steps)) > 1e-9) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("routing \"{}\": the exponent must be from {} to {}, with at most two decimals",
                            name.substr(0, 80), k_least_exponent, k_most_exponent));
  }
  return Routing{RoutingKind::zipf, std::round(steps) / 100, ""};
}

/// One layer's counts.
Result<std::vector<std::int64_t>> layer_from_json(const nlohmann::json& value, const std::string& what) {
  if (!value.is_array() || value.empty() || value.size() > k_most_experts) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("{} must be a list of 1 to {} counts, one for each expert", what, k_most_experts));
  }
  std::vector<std::int64_t> counts;
  for (const auto& count : value) {
    const bool whole = count.is_number_integer() && count >= std::int64_t{0} && count <= k_most_tokens;
    if (!whole) {
      return fail(ErrorCode::invalid_argument,
                  fmt::format("{}: the count of expert {} must be a whole number of at least 0", what, counts.size()));
    }
    counts.push_back(count.get<std::int64_t>());
  }
  return counts;
}

Result<ExpertCounts> layers_from_json(const nlohmann::json& value) {
  if (!value.is_array() || value.empty() || value.size() > k_most_layers) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("routing.layers must be a list of 1 to {} lists of counts", k_most_layers));
  }
  ExpertCounts counts;
  for (const auto& element : value) {
    auto layer = layer_from_json(element, fmt::format("routing.layers[{}]", counts.layers.size()));
    if (!layer) return std::unexpected(layer.error());
    counts.layers.push_back(std::move(*layer));
  }
  return counts;
}

}  // namespace

Result<Routing> routing_from_name(std::string_view name) {
  if (name == k_uniform) return Routing{};
  if (name == k_zipf) return Routing{RoutingKind::zipf, 1, ""};
  if (name.starts_with("zipf:")) return zipf_from_text(name, name.substr(k_zipf.size() + 1));
  if (!name.starts_with(k_counts)) return unknown(name);
  const auto digest = name.substr(k_counts.size());
  const auto is_digit = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  if (digest.size() == k_counts_digits && std::ranges::all_of(digest, is_digit)) {
    return Routing{RoutingKind::counts, 0, std::string(digest)};
  }
  return fail(ErrorCode::invalid_argument,
              fmt::format("routing \"{}\": counts: is followed by {} hexadecimal digits, as in moetune sweep ID",
                          name.substr(0, 80), k_counts_digits));
}

std::string name_of(const Routing& routing) {
  switch (routing.kind) {
    case RoutingKind::zipf:
      return fmt::format("{}:{:g}", k_zipf, routing.exponent);
    case RoutingKind::counts:
      return fmt::format("{}{}", k_counts, routing.digest);
    case RoutingKind::uniform:
      break;
  }
  return std::string(k_uniform);
}

std::string canonical_routing(std::string_view name) {
  const auto routing = routing_from_name(name);
  return routing ? name_of(*routing) : std::string(name);
}

nlohmann::ordered_json to_json(const ExpertCounts& counts) {
  return {{"layers", counts.layers}};
}

Result<ExpertCounts> expert_counts_from_json(const nlohmann::json& value) {
  ObjectReader reader(value, "routing");
  const auto* layers = reader.raw("layers");
  const auto* single = reader.raw("counts");
  if (auto done = reader.finish(); !done) return std::unexpected(done.error());
  if ((layers == nullptr) == (single == nullptr)) {
    return fail(ErrorCode::invalid_argument,
                "routing must hold counts, a list with the tokens of each expert, or layers, a list of such lists");
  }
  if (layers != nullptr) return layers_from_json(*layers);
  auto counts = layer_from_json(*single, "routing.counts");
  if (!counts) return std::unexpected(counts.error());
  return ExpertCounts{{std::move(*counts)}};
}

Result<void> check_expert_counts(const ExpertCounts& counts, const Problem& problem) {
  for (std::size_t i = 0; i < counts.layers.size(); ++i) {
    const auto& layer = counts.layers[i];
    if (std::ssize(layer) != problem.num_experts) {
      return fail(ErrorCode::invalid_argument,
                  fmt::format("routing: layer {} has counts of {} experts, and the problem "
                              "has {} (E)",
                              i, layer.size(), problem.num_experts));
    }
    const auto used = std::ranges::count_if(layer, [](std::int64_t count) { return count > 0; });
    if (used < problem.topk) {
      return fail(
          ErrorCode::invalid_argument,
          fmt::format("routing: in layer {} only {} experts have a count above 0, and each token needs {} (topk)", i,
                      used, problem.topk));
    }
  }
  return {};
}

}  // namespace moetune::schema
