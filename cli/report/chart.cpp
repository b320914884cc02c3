#include "cli/report/chart.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <memory>

#include "cli/text.hpp"

namespace moetune::cli {
namespace {

using schema::ErrorCode;
using schema::fail;
using schema::Result;

/// A text as gnuplot reads it between single quotes, with nothing in it taken for markup.
std::string quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : printable(text)) {
    out += c;
    if (c == '\'') out += c;
  }
  return out + "'";
}

std::string terminal_for(const std::filesystem::path& picture) {
  if (picture.extension() == ".svg")
    return "svg size 900,640 dynamic background '#ffffff' font 'Helvetica,13' noenhanced";
  if (picture.extension() == ".png") return "pngcairo size 1350,960 font 'Helvetica,16' noenhanced";
  return "";
}

struct Closer {
  void operator()(std::FILE* file) const {
    if (file != nullptr) pclose(file);
  }
};

}  // namespace

Result<void> check_picture(const std::filesystem::path& picture) {
  if (printable(picture.string()) != picture.string()) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("--plot: {} has characters that no file name should have", printable(picture.string())));
  }
  if (!terminal_for(picture).empty()) return {};
  return fail(ErrorCode::invalid_argument,
              fmt::format("--plot must end in .svg or .png, not \"{}\"", printable(picture.string())));
}

Result<std::string> chart_script(const Evidence& evidence, const std::filesystem::path& picture) {
  if (auto drawable = check_picture(picture); !drawable) return std::unexpected(drawable.error());
  constexpr double k_margin = 1.1;  // so that the first and the last batch stand free of the frame
  std::string rows, ticks;
  double first = 0, last = 0;
  for (const auto& [batch, found] : evidence.batches) {
    const auto speedup = found.best.chosen_speedup();
    if (!speedup) continue;
    rows +=
        fmt::format("{} {} {} {}\n", batch, *found.best.default_latency_us, *found.best.chosen_latency_us, *speedup);
    if (rows.find('\n') + 1 == rows.size()) first = static_cast<double>(batch);
    last = static_cast<double>(batch);
    if (batch > 0 && (batch & (batch - 1)) == 0) ticks += fmt::format("{}{}", ticks.empty() ? "" : ", ", batch);
  }
  if (rows.empty()) return fail(ErrorCode::invalid_argument, "--plot: no batch has a default and a chosen latency");
  return fmt::format(
      "set terminal {}\nset output {}\n$rows << EOD\n{}EOD\n"
      "set multiplot layout 2,1 title {}\nset logscale x 2\nset xrange [{}:{}]\nset xtics ({})\nset grid lc rgb "
      "'#dddddd'\n"
      "set key top left\nset ylabel 'latency of both GEMMs, us'\nset logscale y\n"
      "plot $rows using 1:2 with linespoints lc rgb '#b0413e' pt 6 lw 2 title 'default', "
      "$rows using 1:3 with linespoints lc rgb '#2f6690' pt 7 lw 2 title 'file'\n"
      "unset logscale y\nset key off\nset xlabel 'tokens (M)'\nset ylabel 'default / file'\n"
      "set yrange [*<0.95:1.05<*]\n"
      "plot 1 with lines lc rgb '#888888' notitle, "
      "$rows using 1:4 with linespoints lc rgb '#3a7d44' pt 7 lw 2 notitle\n"
      "unset multiplot\nunset output\n",
      terminal_for(picture), quoted(picture.string()), rows,
      quoted(fmt::format("E={}, N={}, {} on {}", evidence.field("E").value_or("?"), evidence.field("N").value_or("?"),
                         evidence.field("dtype").value_or(evidence.field("act_dtype").value_or("?")),
                         evidence.field("device").value_or("?"))),
      first / k_margin, last * k_margin, ticks.empty() ? "1" : ticks);
}

Result<void> draw_chart(const Evidence& evidence, const std::filesystem::path& picture) {
  std::filesystem::path part = std::filesystem::absolute(picture);  // gnuplot takes "|..." for a command
  part.replace_filename(fmt::format(".{}.{}{}", picture.stem().string(), getpid(), picture.extension().string()));
  const auto script = chart_script(evidence, part);
  if (!script) return std::unexpected(script.error());
  std::unique_ptr<std::FILE, Closer> gnuplot(popen("exec gnuplot - >/dev/null 2>&1", "w"));
  if (!gnuplot) return fail(ErrorCode::unavailable, "--plot: no process for gnuplot can be made");
  const bool written = std::fputs(script->c_str(), gnuplot.get()) >= 0;
  const int status = pclose(gnuplot.release());
  std::error_code error;
  if (!written || status != 0 || std::filesystem::file_size(part, error) == 0 || error) {
    std::filesystem::remove(part, error);
    constexpr int k_not_found = 127;
    if (WIFEXITED(status) && WEXITSTATUS(status) == k_not_found) {
      return fail(ErrorCode::unavailable, "--plot needs gnuplot, which is not installed (Debian: gnuplot-nox)");
    }
    return fail(ErrorCode::io, fmt::format("gnuplot could not draw {}: is its folder there, and writable?",
                                           printable(picture.string())));
  }
  std::filesystem::rename(part, picture, error);
  if (error)
    return fail(ErrorCode::io, fmt::format("cannot write {}: {}", printable(picture.string()), error.message()));
  return {};
}

}  // namespace moetune::cli
