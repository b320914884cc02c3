"""The published tuner's configurations, and what its loop over them comes to."""

import math
import sys
import unittest

sys.dont_write_bytecode = True

import published_space as space  # noqa: E402
import tuner_cost  # noqa: E402
from tuner_cost import Visit, batch_class  # noqa: E402

BLOCK = [128, 128]


class PublishedSpaceTest(unittest.TestCase):
    def test_has_as_many_configurations_as_the_published_one(self):
        self.assertEqual((1920, 1920), (len(space.space()), len(space.distinct(space.space()))))
        self.assertEqual((640, 320), (len(space.space(BLOCK)), len(space.distinct(space.space(BLOCK), BLOCK))))

    def test_a_sample_is_the_same_for_the_same_seed_and_has_no_tile_twice(self):
        for block in (None, BLOCK):
            tiles = space.comparison_tiles(block, 23, 2, seed=7)
            self.assertEqual(tiles, space.comparison_tiles(block, 23, 2, seed=7))
            self.assertNotEqual(tiles, space.comparison_tiles(block, 23, 2, seed=8))
            self.assertEqual(46, len({tuple(tile.values()) for tile in tiles}))
            self.assertEqual(tiles, [space.effective(tile, block) for tile in tiles])
            fitting = [tile for tile in tiles if space.shared_bytes(tile, 1 if block else 2) <= space.SHARED_LIMIT]
            self.assertGreaterEqual(len(fitting), 2 * (23 - 23 // 8))


class TunerCostTest(unittest.TestCase):
    def test_eighteen_batches_are_three_classes(self):
        for problem in space.PROBLEMS.values():
            self.assertEqual(3, len({batch_class(problem, batch) for batch in space.BATCHES}))
        self.assertEqual(batch_class(space.PROBLEMS["fp8"], 16), batch_class(space.PROBLEMS["fp8"], 4096))
        self.assertNotEqual(batch_class(space.PROBLEMS["fp8"], 8), batch_class(space.PROBLEMS["fp8"], 16))

    def test_the_total_counts_each_visit_and_each_compilation_once(self):
        problem = space.PROBLEMS["fp8"]
        # Cached visits take 1 s at M = 1 and 3 s at 9; compiling adds 2 s in either class, and in the third, unmeasured.
        visits = [Visit("a", 1, True, 3.0), Visit("a", 1, False, 1.0), Visit("a", 9, True, 5.0), Visit("a", 9, False, 3.0)]
        self.assertAlmostEqual(640 * (1.0 + 1.25 + 3.0) + 320 * 3 * 2.0,
                               tuner_cost.total_of_config(visits, problem, (1, 2, 4096), 640, 320))

    def test_uncertainty_comes_from_the_spread_of_the_sample(self):
        problem = space.PROBLEMS["bf16"]
        visits = [Visit(name, 1, new, seconds) for name, compile_s in (("a", 1.0), ("b", 3.0))
                  for new, seconds in ((True, 1 + compile_s), (False, 1.0))]
        found = tuner_cost.estimate(visits, problem, (1,), 10, 10)
        self.assertAlmostEqual(10 * (1 + 2), found.seconds)
        self.assertAlmostEqual(10 * math.sqrt(2) / math.sqrt(2), found.error)
        self.assertEqual((2, 3.0, 1.0, 0.0), (found.configs, found.new_mean, found.cached_mean, found.cached_error))
        with self.assertRaisesRegex(ValueError, "allow more time"):
            tuner_cost.estimate([], problem, (1,), 10, 10)

    def test_interpolation_is_constant_beyond_its_points(self):
        points = {10: 1.0, 20: 2.0}
        self.assertEqual([1.0, 1.0, 1.5, 2.0, 2.0], [tuner_cost.interpolated(points, at) for at in (1, 10, 15, 20, 99)])


if __name__ == "__main__":
    unittest.main()
