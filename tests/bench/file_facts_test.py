"""What is told of the files that a comparison judged."""

import json
import pathlib
import subprocess
import sys
import unittest

sys.dont_write_bytecode = True
FILE_FACTS = pathlib.Path(__file__).resolve().parents[2] / "scripts" / "gpu" / "file_facts.py"


def verdict(worst_speedup=None, worst_batch=None, slower_at=(), **counts):
    return {"faster": 0, "same": 0, "identical": 0, "unclear": 0, "slower": len(slower_at), "slower_at": list(slower_at),
            "worst_speedup": worst_speedup, "worst_batch": worst_batch} | counts


class FileFactsTest(unittest.TestCase):
    def told(self, comparison, *arguments):
        return subprocess.run([sys.executable, FILE_FACTS, *arguments], check=False, text=True, stdout=subprocess.PIPE,
                              input=json.dumps(comparison))

    def test_a_line_for_each_file(self):
        files = [{"path": "/a/one.json", "versus_default": verdict(0.98, 25, [25, 70], faster=3), "versus_first": verdict()},
                 {"path": "/b/one.json", "versus_default": verdict(1.25, 4, same=1), "versus_first": verdict(1.0, 1, identical=2)}]
        done = self.told({"state": "done", "files": files})
        self.assertEqual(["one.json: 3 faster, 2 slower; at worst +2.04 % of time at M=25; slower at M=25,70",
                          "one.json: 1 same; at worst -20.00 % of time at M=4"], done.stdout.splitlines())
        self.assertEqual(1, done.returncode, "the first one is slower")
        self.assertEqual(0, self.told({"state": "done", "files": files[::-1]}).returncode, "another one, which is shown beside it")
        again = self.told({"state": "done", "files": files}, "--versus-first")
        self.assertEqual(["one.json: 2 identical; at worst +0.00 % of time at M=1"], again.stdout.splitlines())
        self.assertEqual(0, again.returncode)

    def test_an_unfinished_comparison_fails(self):
        cancelled = self.told({"state": "cancelled", "files": [{"path": "x", "versus_default": verdict()}]})
        self.assertEqual(["the comparison is cancelled", "x: nothing compared"], cancelled.stdout.splitlines())
        self.assertEqual(1, cancelled.returncode)


if __name__ == "__main__":
    unittest.main()
