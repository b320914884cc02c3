// Several sweeps are paused, resumed and cancelled at random while processes die: each ends as it was last told to.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <iostream>
#include <random>

#include "tests/storm/killer.hpp"
#include "tests/storm/storm.hpp"
#include "tests/storm/sweep_witness.hpp"

namespace moetune::storm {
namespace {

class SteeringStormTest : public testing::Test {
 protected:
  /// Returns the status of the answer.
  int steer(std::int64_t sweep, const std::string& verb) {
    const auto answer = site_.daemon().post(fmt::format("/sweeps/{}/{}", sweep, verb));
    EXPECT_TRUE(answer.status == 200 || answer.status == 409) << verb << ": " << answer.status << answer.body;
    ++(answer.status == 200 ? obeyed_ : refused_);
    return answer.status;
  }
  std::string state(std::int64_t sweep) { return site_.daemon().sweep(sweep)["state"]; }
  void expect_one_good_row_each(std::int64_t sweep, std::size_t at_most, std::size_t at_least) {
    SweepWitness stored;
    ASSERT_TRUE(stored.look(site_.daemon(), sweep));
    EXPECT_EQ(stored.contradictions(), "");
    EXPECT_LE(stored.rows(), at_most);
    EXPECT_GE(stored.rows(), at_least);
    const auto counts = site_.daemon().sweep(sweep)["trials"]["by_status"];
    EXPECT_EQ(counts.value("ok", 0U), stored.rows()) << counts.dump();
  }

  Weather weather_;
  Site site_;
  Killer killer_{site_.data_dir(), weather_.seed};
  std::mt19937 random_{weather_.seed};
  std::size_t obeyed_ = 0;
  std::size_t refused_ = 0;
};

TEST_F(SteeringStormTest, EverySweepEndsAsItWasTold) {
  const auto problem = storm_problem(weather_.kills);
  const std::vector ids{site_.daemon().tune(problem, true), site_.daemon().tune(problem, true),
                        site_.daemon().tune(problem, true)};
  const std::int64_t doomed = ids[2];
  SweepWitness witness;
  for (std::size_t turn = 0; turn < 5 * weather_.kills; ++turn) {
    const auto id = ids[random_() % ids.size()];
    // Resumed as often as paused, so that work goes on; the doomed one is cancelled half way.
    if (turn == 5 * weather_.kills / 2) {
      EXPECT_EQ(steer(doomed, "cancel"), 200);
    } else {
      steer(id, random_() % 2 == 0 ? "pause" : "resume");
    }
    if (turn % 5 == 0 && killer_.strike(site_.daemon()) == Victim::daemon) site_.restart();
    witness.look(site_.daemon(), ids[0]);
  }
  std::cout << "seed " << weather_.seed << ": " << obeyed_ << " orders obeyed, " << refused_
            << " refused; killed in the middle of a job: " << killer_.summary() << "\n";
  EXPECT_GT(obeyed_, weather_.kills);
  EXPECT_EQ(state(doomed), "cancelled");

  for (const auto id : {ids[0], ids[1]}) {
    if (state(id) == "paused") {
      EXPECT_EQ(steer(id, "resume"), 200);
    }
    const auto view = site_.daemon().wait_for(id, {"done", "failed", "paused"});
    EXPECT_EQ(view["state"], "done") << view.dump() << site_.daemon().log();
    expect_one_good_row_each(id, problem.trials(), problem.trials());
  }
  expect_one_good_row_each(doomed, problem.trials(), 0);
  EXPECT_EQ(state(doomed), "cancelled");
  SweepWitness stored;
  ASSERT_TRUE(stored.look(site_.daemon(), ids[0]));
  EXPECT_EQ(witness.missing_from(stored), 0U);
  EXPECT_EQ(witness.contradictions(), "");
}

}  // namespace
}  // namespace moetune::storm
