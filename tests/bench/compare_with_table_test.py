"""Rows of a sweep held against a table."""

import pathlib
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True

import compare_with_table  # noqa: E402
import published_space as space  # noqa: E402


class CompareWithTableTest(unittest.TestCase):
    def rows(self, times, batch=8, **more):
        for tile, us in times.items():
            config = ", ".join(f'"{name}": {value}' for name, value in zip(space.FIELDS, tile))
            us, status = ("null", "out_of_resources") if us is None else (us, "ok")
            yield (f'{{"batch": {batch}, "config": {{{config}}}, "status": "{status}", "latency_us": {us}, "kernel": "vllm", '
                   '"block_shape": [128, 128]}')

    def test_finds_the_same_tile_and_the_best(self):
        small, large, wide = (16, 128, 128, 1, 4, 3), (64, 128, 128, 1, 4, 3), (16, 128, 256, 1, 4, 3)
        with tempfile.TemporaryDirectory() as folder:
            table = pathlib.Path(folder, "table.csv")
            table.write_text("batch," + ",".join(space.FIELDS) + ",status,us\n"
                             "8,16,128,128,1,4,3,ok,10\n8,64,128,128,1,4,3,ok,20\n"
                             "8,256,256,128,1,4,5,out_of_resources,\n9,16,128,128,1,4,3,ok,1\n", encoding="utf-8")
            read = compare_with_table.read_table(table, "us")
        self.assertEqual({8: {small: 10.0, large: 20.0}, 9: {small: 1.0}}, read)
        # The wide tile runs as the small one: two samples of the same.
        rows = compare_with_table.read_rows(self.rows({small: 12.0, wide: 14.0, large: 10.0, (32,) + small[1:]: None}))
        found, = compare_with_table.compare(read, rows)
        self.assertEqual((small, 13.0, large, 10.0), tuple(
            found[name] for name in ("table_tile", "same_tile_us", "our_tile", "our_us")))
        self.assertAlmostEqual(1.3, found["same"])
        self.assertAlmostEqual(1.3, found["regret"])
        self.assertAlmostEqual(1.0, found["best"])
        self.assertAlmostEqual((1.3 + 0.5) / 2, found["all"])
        self.assertEqual({}, compare_with_table.read_rows(self.rows({small: 1.0}), kernel="builtin"))

    def test_rows_of_a_scan_are_not_mixed_with_those_of_the_kernel(self):
        tile = (64, 128, 128, 1, 4, 3)
        scan = [line.replace('"vllm"', '"vllm-scan"') for line in self.rows({tile: 1.0})]
        rows = [*self.rows({tile: 2.0}), *scan]
        with self.assertRaisesRegex(ValueError, "several kernels .vllm, vllm-scan."):
            compare_with_table.read_rows(rows)
        self.assertEqual({8: {tile: 2.0}}, compare_with_table.read_rows(rows, kernel="vllm"))

    def test_says_when_the_tables_best_was_not_measured(self):
        read = {8: {(16, 128, 128, 1, 4, 3): 10.0}}
        found, = compare_with_table.compare(read, compare_with_table.read_rows(self.rows({(64, 128, 128, 1, 4, 3): 5.0})))
        self.assertEqual((None, None, 0.5, 0), tuple(found[name] for name in ("same", "regret", "best", "tiles")))


if __name__ == "__main__":
    unittest.main()
