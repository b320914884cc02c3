#include "daemon/search/constraint.hpp"

#include <fmt/format.h>
#include <muParser.h>

#include <array>
#include <cmath>
#include <string_view>
#include <utility>

namespace moetune::daemon::search {
namespace {

using schema::ErrorCode;
using schema::fail;
using schema::TileConfig;

constexpr std::array k_fields = {
    std::pair{"BLOCK_SIZE_M", &TileConfig::block_size_m}, std::pair{"BLOCK_SIZE_N", &TileConfig::block_size_n},
    std::pair{"BLOCK_SIZE_K", &TileConfig::block_size_k}, std::pair{"GROUP_SIZE_M", &TileConfig::group_size_m},
    std::pair{"num_warps", &TileConfig::num_warps},       std::pair{"num_stages", &TileConfig::num_stages},
};

constexpr std::size_t k_max_expression = 1024;

double remainder_of(double left, double right) {
  return std::fmod(left, right);
}

/// Whether a lone = stands in the text, which muParser takes for an assignment to a field.
bool assigns(std::string_view text) {
  for (auto at = text.find('='); at != text.npos; at = text.find('=', at + 1)) {
    if (text.substr(at, 2) == "==") {
      ++at;
    } else if (at == 0 || std::string_view("<>!").find(text[at - 1]) == text.npos) {
      return true;
    }
  }
  return false;
}

std::unexpected<schema::Error> refused(const std::string& expression, const std::string& reason) {
  return fail(ErrorCode::invalid_argument, fmt::format("space constraint \"{}\": {}", expression, reason));
}

}  // namespace

struct Constraint::State {
  std::string expression;
  std::array<double, k_fields.size()> values{};
  mu::Parser parser;
};

Constraint::Constraint(std::unique_ptr<State> state) : state_(std::move(state)) {}
Constraint::Constraint(Constraint&&) noexcept = default;
Constraint& Constraint::operator=(Constraint&&) noexcept = default;
Constraint::~Constraint() = default;

schema::Result<Constraint> Constraint::parse(const std::string& expression, const schema::Problem& problem) {
  if (expression.size() > k_max_expression) {
    return refused(expression.substr(0, 60) + "...", fmt::format("is longer than {} characters", k_max_expression));
  }
  if (assigns(expression)) return refused(expression, "= is an assignment; write == to compare");
  auto state = std::make_unique<State>();
  state->expression = expression;
  try {
    mu::Parser& parser = state->parser;
    for (std::size_t i = 0; i < k_fields.size(); ++i) parser.DefineVar(k_fields[i].first, &state->values[i]);
    parser.DefineConst("E", static_cast<double>(problem.num_experts));
    parser.DefineConst("N", static_cast<double>(problem.intermediate_size));
    parser.DefineConst("hidden_size", static_cast<double>(problem.hidden_size));
    parser.DefineConst("topk", static_cast<double>(problem.topk));
    parser.DefineOprt("%", remainder_of, mu::prMUL_DIV);
    parser.SetExpr(expression);
    state->values.fill(1);
    parser.Eval();
    if (parser.GetNumResults() != 1) return refused(expression, "has several values; join conditions with && or ||");
  } catch (const mu::Parser::exception_type& error) {
    return refused(expression, error.GetMsg());
  }
  return Constraint(std::move(state));
}

schema::Result<bool> Constraint::admits(const TileConfig& config) const {
  for (std::size_t i = 0; i < k_fields.size(); ++i) state_->values[i] = config.*k_fields[i].second;
  try {
    const double value = state_->parser.Eval();
    if (!std::isfinite(value))
      return refused(state_->expression, fmt::format("has no value for {}", short_text(config)));
    return value != 0;
  } catch (const mu::Parser::exception_type& error) {
    return refused(state_->expression, error.GetMsg());
  }
}

}  // namespace moetune::daemon::search
