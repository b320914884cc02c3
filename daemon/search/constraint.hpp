#pragma once

#include <memory>
#include <string>

#include "schema/error.hpp"
#include "schema/problem.hpp"
#include "schema/tile_config.hpp"

namespace moetune::daemon::search {

/// One condition of a space file, e.g. "BLOCK_SIZE_M * BLOCK_SIZE_N <= 16384 && num_warps * 16 >= BLOCK_SIZE_M".
/// Variables: the six fields of a configuration, E, N, hidden_size and topk. Operators are those of muParser
/// (+ - * / ^ comparison && || ?: min max ...), less its assignment, and % for the remainder. Not thread-safe; movable.
class Constraint {
 public:
  /// Errors: invalid_argument that shows the expression and what is no condition in it.
  static schema::Result<Constraint> parse(const std::string& expression, const schema::Problem& problem);
  Constraint(Constraint&&) noexcept;
  Constraint& operator=(Constraint&&) noexcept;
  ~Constraint();

  /// Errors: invalid_argument when the expression has no number for this configuration (a division by zero, say).
  schema::Result<bool> admits(const schema::TileConfig& config) const;

 private:
  struct State;
  explicit Constraint(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace moetune::daemon::search
