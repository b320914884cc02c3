#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace moetune::cli {

/// Reads an environment variable; the process's own outside tests.
using Environment = std::function<std::optional<std::string>(const char* name)>;
std::optional<std::string> process_environment(const char* name);

struct TerminalSize {
  std::size_t columns = 80;
  std::size_t rows = 24;
};

/// What may be printed to a file descriptor.
struct TerminalTraits {
  bool interactive = false;  ///< a terminal that can move its cursor
  bool color = false;        ///< interactive, and NO_COLOR is not set
  bool unicode = false;      ///< the locale is UTF-8
};
TerminalTraits inspect_terminal(int fd, const Environment& environment);
/// The size now; 80x24 when the descriptor is no terminal or does not know.
TerminalSize terminal_size(int fd);

/// Meaning, not colour: what stands out, what stands back, what went well or not.
enum class Tone { plain, strong, faint, good, warning, bad, accent };

/// Puts text in the colour of its tone, or leaves it alone.
class Paint {
 public:
  explicit Paint(bool color) : color_(color) {}
  std::string operator()(Tone tone, std::string_view text) const;

 private:
  bool color_;
};

}  // namespace moetune::cli
