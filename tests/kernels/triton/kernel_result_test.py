"""moetune's kernel and vLLM's compute the same as numpy, on the CPU, in Triton's interpreter."""

import importlib.util
import os
import sys
import unittest

import support
from worker_process import SKIPPED, need_triton

TOLERANCE = 2e-3  # of the largest element; out is fp16
TILES = [support.tile(16, 32, 16, group=2), support.tile(16, 16, 32, group=4)]


class KernelResultTest(unittest.TestCase):
    def check(self, kernel):
        import numpy as np
        from interpreted_step import Step
        compared = 0
        for number, kind in enumerate(kind for kind in support.KINDS if kind != "bf16"):
            for gemm in ("up", "down"):
                step = Step.random(kind, gemm, seed=number)
                expected = step.expected()
                for naive, tile in ((False, TILES[0]), (False, TILES[1]), (True, TILES[0])):
                    with self.subTest(f"{kind} {gemm} {'naive' if naive else 'aligned'} {tile}"):
                        error = np.abs(step.run(kernel, tile, naive) - expected).max() / np.abs(expected).max()
                        self.assertLess(error, TOLERANCE)
                        compared += 1
        self.assertEqual(30, compared)

    def test_builtin(self):
        from kernel import Kernel
        self.check(Kernel.find("builtin"))

    def test_the_newest_of_vllm_bound_by_name(self):
        import engine_files
        self.check(support.engine("vllm", engine_files.NEWEST["vllm"]))


if __name__ == "__main__":
    need_triton()
    if importlib.util.find_spec("numpy") is None:
        print(f"skipped: {sys.executable} has no package numpy (make setup installs it)")
        sys.exit(SKIPPED)
    os.environ["TRITON_INTERPRET"] = "1"
    unittest.main()
