// Processes die at random moments, each in the middle of a job: nothing is lost, blamed, or done again without end.
#include <gtest/gtest.h>

#include <iostream>
#include <memory>

#include "tests/storm/killer.hpp"
#include "tests/storm/storm.hpp"
#include "tests/storm/sweep_witness.hpp"

namespace moetune::storm {
namespace {

/// Kills until the weather has had enough or the sweep is done, starting the daemon again whenever it died.
class KillStormTest : public testing::Test {
 protected:
  void blow(std::int64_t sweep) {
    auto listener = std::make_unique<EventListener>(site_.daemon(), sweep, witness_);
    while (killer_.kills() < weather_.kills) {
      const auto victim = killer_.strike(site_.daemon());
      if (victim == Victim::daemon) {
        site_.restart();
        listener = std::make_unique<EventListener>(site_.daemon(), sweep, witness_);
      }
      witness_.look(site_.daemon(), sweep);
      const auto state = site_.daemon().sweep(sweep)["state"];
      if (!victim && state != "running" && state != "queued") return;
    }
  }

  Weather weather_;
  Site site_;
  Killer killer_{site_.data_dir(), weather_.seed};
  SweepWitness witness_;
};

TEST_F(KillStormTest, LosesNothingAndBlamesNobody) {
  const auto problem = storm_problem(weather_.kills);
  std::string undisturbed;
  AttemptCounts expected;
  {
    Site calm;
    EXPECT_EQ(calm.daemon().wait_for(calm.daemon().tune(problem, true), {"done", "failed"})["state"], "done");
    undisturbed = calm.exported();
    EXPECT_EQ(calm.daemon().terminate(), 0);
    expected = count_attempts(calm.data_dir());
  }

  const auto id = site_.daemon().tune(problem, true);
  site_.daemon().wait_for_trials(id, 1);  // so that there is something to lose
  witness_.look(site_.daemon(), id);
  blow(id);
  std::cout << "seed " << weather_.seed << ": killed in the middle of a job: " << killer_.summary() << "\n";
  EXPECT_GE(killer_.kills(), weather_.kills) << "the sweep ended before the storm";

  const auto view = site_.daemon().wait_for(id, {"done", "failed", "paused"});
  EXPECT_EQ(view["state"], "done") << view.dump() << site_.daemon().log();
  EXPECT_EQ(view["trials"]["by_status"], nlohmann::json({{"ok", problem.trials()}})) << site_.daemon().log();

  SweepWitness stored;
  ASSERT_TRUE(stored.look(site_.daemon(), id));
  EXPECT_EQ(stored.rows(), problem.trials());
  EXPECT_EQ(stored.contradictions(), "") << "a candidate has two rows";
  EXPECT_EQ(witness_.contradictions(), "") << "a row changed after it was told";
  EXPECT_GT(witness_.rows(), 0U);
  EXPECT_EQ(witness_.missing_from(stored), 0U);
  EXPECT_EQ(site_.exported(), undisturbed);

  EXPECT_EQ(site_.daemon().terminate(), 0);
  const auto total = count_attempts(site_.data_dir());
  std::cout << "attempts undisturbed and in the storm: " << expected.compiles << " and " << total.compiles
            << " compiles, " << expected.measurements << " and " << total.measurements << " measurements\n";
  EXPECT_EQ(total.open_compiles + total.open_measurements, 0U);
  EXPECT_LE(total.compiles, expected.compiles + weather_.kills * k_compile_jobs);
  EXPECT_LE(total.measurements, expected.measurements + weather_.kills * k_jobs_ahead);
}

}  // namespace
}  // namespace moetune::storm
