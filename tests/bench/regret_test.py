"""What is told of picks against each other."""

import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
REGRET = pathlib.Path(__file__).resolve().parents[2] / "scripts" / "gpu" / "regret.py"


def row(batch, stages, latency, kernel="vllm", status="ok"):
    return json.dumps({"batch": batch, "config": {"num_stages": stages}, "kernel": kernel, "status": status,
                       "latency_us": latency}) + "\n"


class RegretTest(unittest.TestCase):
    def test_judges_picks_by_the_other_sweeps_rows(self):
        with tempfile.TemporaryDirectory() as folder:
            race, whole = pathlib.Path(folder, "race.jsonl"), pathlib.Path(folder, "whole.jsonl")
            race.write_text(row(1, 2, 10.0) + row(1, 3, 11.0) + row(8, 4, 20.0) + row(8, 2, 1.0, kernel="vllm-scan"))
            whole.write_text(row(1, 2, 10.4) + row(1, 3, 10.0) + row(8, 3, 16.0) + row(8, 5, None, status="launch_error"))
            told = subprocess.run([sys.executable, REGRET, "vllm", race, whole], check=True, text=True,
                                  stdout=subprocess.PIPE).stdout.splitlines()
        self.assertEqual(
            "race against whole: median 14.50 %, worst 25.00 % at M=8, 2 batches, 1 picks not measured there, 3 rows", told[0])
        self.assertTrue(told[1].startswith("whole against race: median -5.00 %, worst 10.00 % at M=1"), told[1])


if __name__ == "__main__":
    unittest.main()
