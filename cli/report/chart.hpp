#pragma once

#include <filesystem>
#include <string>

#include "cli/report/evidence.hpp"
#include "schema/error.hpp"

namespace moetune::cli {

/// Errors: invalid_argument when the name does not end in .svg or .png.
schema::Result<void> check_picture(const std::filesystem::path& picture);

/// The commands that make gnuplot draw latency (default and file) and speedup over M, as SVG or PNG by the ending of
/// `picture`, into it. Errors: invalid_argument for another ending, or when no batch has both latencies.
schema::Result<std::string> chart_script(const Evidence& evidence, const std::filesystem::path& picture);

/// Draws; the picture appears whole or not at all. Errors: as chart_script(); unavailable without gnuplot; io.
schema::Result<void> draw_chart(const Evidence& evidence, const std::filesystem::path& picture);

}  // namespace moetune::cli
