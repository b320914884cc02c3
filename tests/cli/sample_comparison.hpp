#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/compared_file.hpp"

namespace moetune::cli {

/// Configurations of a made-up problem of 8 experts, bf16.
inline constexpr schema::TileConfig k_standard{16, 64, 128, 1, 4, 4};
inline constexpr schema::TileConfig k_tuned{16, 128, 128, 1, 4, 4};
inline constexpr schema::TileConfig k_other{32, 64, 128, 1, 4, 4};

schema::Problem sample_problem();

/// A file with these rows.
ComparedFile sample_file(const std::string& path, std::vector<std::pair<std::int64_t, schema::TileConfig>> rows);

/// One candidate in an answer of GET /sweeps/{id}/comparison.
nlohmann::ordered_json contender(const schema::TileConfig& config, double us);
nlohmann::ordered_json refused(const schema::TileConfig& config, const std::string& status);
/// Two of them compared: `speedup` give or take 1 %.
nlohmann::ordered_json pair(int first, int second, const std::string& standing, double speedup);
/// A batch whose default is k_standard.
nlohmann::ordered_json compared_batch(std::int64_t batch, const std::vector<nlohmann::ordered_json>& contenders,
                                      const std::vector<nlohmann::ordered_json>& pairs);
/// The whole answer, of sweep 3.
nlohmann::ordered_json sample_comparison(const std::vector<nlohmann::ordered_json>& batches);

}  // namespace moetune::cli
