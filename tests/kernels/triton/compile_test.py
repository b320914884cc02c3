"""Real kernels of real versions through real workers: at least 100 configurations for three architectures."""

import concurrent.futures
import tempfile
import unittest

import engine_files
import support
from worker_process import Worker, need_triton

from cubin_file import parameters_of
from kernel import Kernel
from plan import make_plan

PROCESSES = 2
ONE = [support.tile(16, 64, 64)]
TWO = [*ONE, support.tile(64, 64, 64, group=16)]


def cases():
    """(kernel name, version, kind, architecture, tiles): everything of the newest, a sample of the others."""
    for name, version in [*engine_files.NEWEST.items(), ("builtin", None)]:
        for kind in support.KINDS:
            for arch in support.ARCHITECTURES:
                if support.has_type(kind, arch):
                    yield name, version, kind, arch, TWO if name == "vllm" else ONE
    for name, version, _ in engine_files.all_folders():
        if version != engine_files.NEWEST[name]:
            yield name, version, "bf16", "sm_90a", ONE
            yield name, version, "fp8 block", "sm_90a", ONE


def compile_all(name, version, group):
    """[(case, reply, cubin)] of all the cases of one kernel, by one worker; and the files that it leaves."""
    paths = [engine_files.folder(name, version)] if version else []
    kernel = Kernel.find(name, paths)
    done = []
    with tempfile.TemporaryDirectory() as folder:
        arguments = [argument for path in paths for argument in ("--engine-path", path)]
        with Worker(folder, "--kernel", name, *arguments) as worker:
            for case in group:
                *_, kind, arch, tiles = case
                plan = make_plan(kernel, support.request(kind, arch, configs=tiles))
                for gemm in ("up", "down"):
                    for options in support.options_in(plan, gemm=gemm):
                        reply = worker.compile(options, arch)
                        output = worker.output(reply["id"])
                        done.append((case, reply, output.read_bytes() if output.exists() else b""))
            left = worker.files_left()
        return done, left


def expected_layout(parameters):
    """[(offset, size)] of a reply's parameters: each naturally aligned."""
    layout, end = [], 0
    for parameter in parameters:
        size = 4 if parameter["type"] == "i32" else 8
        offset = -(-end // size) * size
        layout.append((offset, size))
        end = offset + size
    return layout


class CompileTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        groups = {}
        for case in cases():
            groups.setdefault(case[:2], []).append(case)
        with concurrent.futures.ThreadPoolExecutor(PROCESSES) as pool:
            answers = [pool.submit(compile_all, name, version, group) for (name, version), group in groups.items()]
            results = [answer.result() for answer in answers]
        cls.done = [each for done, _ in results for each in done]
        cls.left = [name for _, left in results for name in left]

    def test_at_least_a_hundred_configurations_compile(self):
        failed = [(case[:4], reply["log_tail"][-300:]) for case, reply, _ in self.done if reply["status"] != "ok"]
        self.assertEqual([], failed)
        self.assertGreaterEqual(len(self.done), 100)
        self.assertEqual(set(support.ARCHITECTURES), {case[3] for case, *_ in self.done})
        self.assertEqual(set(support.KINDS), {case[2] for case, *_ in self.done})
        self.assertGreaterEqual(len({case[:2] for case, *_ in self.done if case[1]}), 6)
        print(f"\n{len(self.done)} kernels compiled, {sum(reply['seconds'] for _, reply, _ in self.done):.1f} s in the compiler")

    def test_the_parameters_told_are_those_of_the_machine_code(self):
        for case, reply, cubin in self.done:
            launch = reply["launch"]
            with self.subTest(case):
                self.assertEqual(expected_layout(launch["parameters"]), parameters_of(cubin, launch["name"]))
                self.assertEqual("global_scratch", [parameter["name"] for parameter in launch["parameters"]
                                                    if "scratch" in parameter["name"]][0])

    def test_what_a_reply_tells_of_a_kernel_is_plausible(self):
        for case, reply, cubin in self.done:
            with self.subTest(case):
                self.assertEqual(len(cubin), reply["cubin_bytes"])
                self.assertEqual(b"\x7fELF", cubin[:4])
                self.assertGreater(reply["registers"], 15)
                self.assertGreater(reply["shared_bytes"], 0)
                self.assertGreater(reply["seconds"], 0)
                self.assertEqual(4, reply["launch"]["num_warps"])
                self.assertEqual(0, reply["launch"]["global_scratch_bytes"])
                early = case[:2] == ("sglang", engine_files.NEWEST["sglang"]) and case[3] != "sm_80"
                self.assertEqual(early, reply["launch"]["launch_pdl"])

    def test_nothing_is_written_but_the_kernels(self):
        self.assertEqual([], self.left)


if __name__ == "__main__":
    need_triton()
    unittest.main()
