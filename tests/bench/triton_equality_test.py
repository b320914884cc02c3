"""What the comparison with Triton's launcher takes for Triton's side, held against the engine's own launcher; and the whole
comparison without a GPU: `triton_equality_test.py LIBRARY`."""

import csv
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path[1:1] = [str(HERE.parent / "kernels" / "triton")]

import engine_files  # noqa: E402
import jit_kernel  # noqa: E402
import launch_call  # noqa: E402
import published_space  # noqa: E402
import support  # noqa: E402
from worker_process import need_triton  # noqa: E402

GEMMS = ("up", "down")
VERSION = engine_files.NEWEST["vllm"]
VLLM = engine_files.folder("vllm", VERSION)


class TritonsSideTest(unittest.TestCase):
    def test_passes_what_the_engines_launcher_passes(self):
        compared = 0
        for name, problem in published_space.PROBLEMS.items():
            for gemm in GEMMS:
                engine = launch_call.values_of(support.engine("vllm", VERSION).path, problem, gemm == "up", 64)
                shape = jit_kernel.Shape(problem, gemm, 64)
                ours = jit_kernel.arguments_of(shape, support.tile(64, 128, 128), jit_kernel.shadows(shape), False, "bf16")
                for parameter, value in engine.items():
                    if parameter in ours and not isinstance(value, launch_call.ShapeOnly):
                        self.assertEqual(value, ours[parameter], f"{name} {gemm} {parameter}")
                        compared += 1
        self.assertGreater(compared, 60)

    def test_covers_every_parameter_of_the_kernels(self):
        for kernel in (support.engine("vllm", VERSION), jit_kernel.Kernel.find("builtin")):
            shape = jit_kernel.Shape(published_space.PROBLEMS["fp8"], "up", 1)
            known = jit_kernel.arguments_of(shape, support.tile(16, 64, 128), jit_kernel.shadows(shape), False, "bf16")
            self.assertEqual(set(), {parameter.name for parameter in kernel.parameters} - known.keys())

    def test_rows_of_the_grid(self):
        shape = jit_kernel.Shape(published_space.PROBLEMS["fp8"], "up", 1)
        self.assertEqual((True, 8 * 16), (shape.naive, shape.em(16)))
        shape = jit_kernel.Shape(published_space.PROBLEMS["fp8"], "up", 16)
        self.assertEqual((False, 128 * 64), (shape.naive, shape.em(64)))
        shape = jit_kernel.Shape(published_space.PROBLEMS["fp8"], "down", 2048)
        self.assertEqual(16384 + 256 * 127, shape.em(128))


class DryRunTest(unittest.TestCase):
    def rows(self, engine, *arguments):
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, HERE / "triton_equality.py", "--dry-run", "--library", LIBRARY, "--engine-path", engine,
                       *arguments, "--tiles", "2", "--groups", "1", "--jobs", "2", "--seconds", "500", "--configurations", "2",
                       "--output", folder]
            ended = subprocess.run(command, capture_output=True, text=True, check=False)
            self.assertEqual(0, ended.returncode, ended.stdout + ended.stderr)
            with open(pathlib.Path(folder, "equality.csv"), encoding="utf-8", newline="") as file:
                return list(csv.DictReader(file))

    def test_both_sides_pass_the_same_and_run_the_same_code(self):
        rows = self.rows(VLLM, "--runtime-group", "vllm", "--batches", "1", "128")
        self.assertEqual(2 * 2 * 2 * 2 * 3, len(rows))  # tiles, problems, batches, GEMMs; vllm twice
        self.assertEqual({"arguments_equal"}, {row["status"] for row in rows})
        self.assertEqual({("constant", "True"), ("runtime", "")}, {(row["group"], row["same_code"]) for row in rows})

    def test_the_same_with_sglang_s_launcher(self):
        sglang = engine_files.folder("sglang", engine_files.NEWEST["sglang"])
        # Fewer pairs than experts, as many, and more, whose size is rounded up.
        rows = self.rows(sglang, "--kernels", "sglang", "--batches", "1", "16", "33", "--problems", "bf16")
        self.assertEqual({"arguments_equal"}, {row["status"] for row in rows} - {"refused_by_both"})
        self.assertEqual({"True"}, {row["same_code"] for row in rows if row["status"] == "arguments_equal"})


if __name__ == "__main__":
    need_triton()
    LIBRARY = pathlib.Path(sys.argv[1]).resolve()
    unittest.main(argv=sys.argv[:1])
