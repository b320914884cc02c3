"""The verdict about a comparison of launches."""

import csv
import pathlib
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True

import equality_report as report  # noqa: E402


def pair(status, ratio=None, **more):
    return {"kernel": "vllm", "problem": "fp8", "batch": 1, "gemm": "up", "group": "constant", "config": {"BLOCK_SIZE_M": 16},
            "status": status, "ratio": ratio} | more


class EqualityReportTest(unittest.TestCase):
    def test_counts_and_spread(self):
        rows = [pair(report.EQUAL, ratio, same_code=True) for ratio in (0.995, 1.0, 1.0, 1.03)] + [pair(report.REFUSED_BY_BOTH)]
        found = report.summary(rows)
        self.assertEqual({"equal": 4, "refused_by_both": 1}, found["counts"])
        self.assertEqual((4, 1.0, 1.03, 3), tuple(
            found["ratio"][name] for name in ("count", "median", "worst", "within_1_percent")))
        self.assertAlmostEqual(0.99575, found["ratio"]["p5"])
        self.assertAlmostEqual(1.0255, found["ratio"]["p95"])
        self.assertEqual([], report.shortfalls(rows, 1))
        self.assertIn("verdict: no difference", list(report.lines(rows, 1)))

    def test_one_bad_pair_or_none_at_all_spoils_the_verdict(self):
        for bad in report.BAD:
            self.assertEqual(1, len(report.shortfalls([pair(report.EQUAL, 1.0), pair(bad)], 1)), bad)
        for rows in ([], [pair(report.NOT_REACHED)], [pair(report.REFUSED_BY_BOTH)]):
            self.assertEqual(1, len(report.shortfalls(rows, 1)), rows)

    def test_enough_configurations_have_to_be_equal_also_in_time(self):
        def configs(*ratios):
            return [pair(report.EQUAL, ratio, config={"BLOCK_SIZE_M": number}) for number, ratio in enumerate(ratios)]

        self.assertEqual([], report.shortfalls(configs(1.0, 0.995, 1.02), 2))
        self.assertEqual(["vllm fp8 M=1 up: 2 configurations are equal and within 1%, 3 are wanted"],
                         report.shortfalls(configs(1.0, 0.995, 1.02), 3))
        self.assertEqual(1, len(report.shortfalls(configs(1.0, 1.0) + [pair(report.EQUAL, 1.0, batch=16)], 2)))

    def test_every_pair_is_in_the_file(self):
        with tempfile.TemporaryDirectory() as folder:
            report.write([pair(report.EQUAL, 1.0), pair(report.NOT_REACHED, reason="no time was left")], pathlib.Path(folder))
            with open(pathlib.Path(folder, "equality.csv"), encoding="utf-8", newline="") as file:
                self.assertEqual([("equal", "16"), ("not_reached", "16")],
                                 [(row["status"], row["config"]) for row in csv.DictReader(file)])


if __name__ == "__main__":
    unittest.main()
