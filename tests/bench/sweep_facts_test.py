"""What is told of the sweeps of a GPU machine."""

import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
SWEEP_FACTS = pathlib.Path(__file__).resolve().parents[2] / "scripts" / "gpu" / "sweep_facts.py"


class SweepFactsTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        view = {"id": 1, "state": "done", "trials": {"done": 9}, "compiles": {"done": 4},
                "best": {"1": {"speedup": 1.0}, "8": {"speedup": 1.21}, "9": {"speedup": None}}}
        self.write("tune_vllm_fp8_1.json", f"warning: something\n{json.dumps(view)}\n")
        self.write("tune_vllm_fp8_1.seconds", "12.50\n")
        self.write("tune_vllm_fp8_2.json", "")
        self.write("daemon_vllm_fp8.log", "[info] sweep 1 is done after 12.1 s, 1 device(s) measured for 9.7 s in all (80 %)\n")

    def write(self, name, text):
        (self.folder / name).write_text(text, encoding="utf-8")

    def told(self, *arguments):
        return subprocess.run([sys.executable, SWEEP_FACTS, self.folder, *arguments], check=True, text=True,
                              stdout=subprocess.PIPE).stdout

    def test_puts_together_what_lies_in_three_files(self):
        first, second = map(json.loads, self.told().splitlines())
        self.assertEqual(("done", 12.5, 12.1, 9.7, 80, 2), tuple(
            first[name] for name in ("state", "wall_s", "sweep_s", "busy_s", "busy_percent", "batches")))
        self.assertAlmostEqual(1.1, first["speedup_over_default"])
        self.assertEqual(("unfinished", None), (second["state"], second["wall_s"]))

    def test_tells_the_wall_time_of_a_finished_sweep_alone(self):
        self.assertEqual("12.5", self.told("--seconds", "vllm", "fp8").strip())
        self.assertEqual("", self.told("--seconds", "vllm", "bf16"))


if __name__ == "__main__":
    unittest.main()
