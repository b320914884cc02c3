"""The worker's protocol, its failures, and that equal options make equal bytes."""

import os
import pathlib
import shutil
import signal
import tempfile
import time
import unittest

import engine_files
import support
from worker_process import Worker, need_triton

from kernel import Kernel
from plan import make_plan

NEWEST = ("vllm", engine_files.NEWEST["vllm"])

# The tile with BLOCK_SIZE_N 32 makes LLVM abort the process, the one with 16 makes it exit.
LETHAL = """
    if BLOCK_SIZE_N == 32:
        lanes = tl.inline_asm_elementwise("mov.u32 $0, $1; bogus $9;", "=r,r", [lanes], dtype=tl.int32, is_pure=True, pack=1)
    if BLOCK_SIZE_N == 16:
        lanes = tl.inline_asm_elementwise("mov.u32 $0, $1;", "=zz,r", [lanes], dtype=tl.int32, is_pure=True, pack=1)
"""
AFTER = "    lanes = tl.arange(0, BLOCK_SIZE_M)\n"


class WorkerTest(unittest.TestCase):
    """One worker with vLLM's newest kernel for all tests that it survives."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.path = engine_files.folder(*NEWEST)
        cls.kernel = support.engine(*NEWEST)
        cls.worker = Worker(cls.folder.name, "--kernel", "vllm", "--engine-path", cls.path)

    @classmethod
    def tearDownClass(cls):
        cls.worker.end()
        cls.folder.cleanup()

    def options(self, tile, kind="bf16", group="constant", **changes):
        return support.options_in(make_plan(self.kernel, support.request(kind, configs=[tile], group=group, **changes)))[0]

    def compiled(self, worker, options, arch="sm_90a"):
        reply = worker.compile(options, arch)
        self.assertEqual("ok", reply["status"], reply["log_tail"])
        return worker.output(reply["id"]).read_bytes()

    def test_hello_is_what_a_daemon_expects(self):
        hello = dict(self.worker.hello)
        self.assertRegex(hello.pop("compiler"), r"^triton \d+\.\d+\.\d+")
        self.assertEqual({"type": "hello", "worker": "compile", "version": "0.1.0",
                          "kernel_digest": self.kernel.digest}, hello)

    def test_a_plan_by_a_worker_is_the_same_as_one_by_the_script(self):
        request = support.request("fp8 block", configs=[support.tile(16, 64, 256)], group="runtime")
        reply = self.worker.ask(type="plan", id=7, **request)
        self.assertEqual({"type": "planned", "id": 7} | make_plan(self.kernel, request), reply)
        refused = self.worker.ask(type="plan", id=8, **request | {"batches": []})
        self.assertEqual("batches must be a list of integers of at least 1", refused["error"])

    def test_the_two_tiles_that_break_triton_3_6_are_results(self):
        if self.worker.hello["compiler"] != "triton 3.6.0":
            self.skipTest("another version of Triton")
        for tile in (support.tile(256, 128, 128, stages=2), support.tile(256, 64, 64, stages=3)):
            reply = self.worker.compile(self.options(tile), "sm_90a")
            self.assertEqual("compile_error", reply["status"])
            self.assertIn("operand #0 does not dominate this use", reply["log_tail"])
            self.assertIn("PassManager::run failed", reply["log_tail"])
            self.assertLessEqual(len(reply["log_tail"].encode()), 4096)
            self.assertNotIn("launch", reply)
        self.compiled(self.worker, self.options(support.tile(16, 64, 64)))

    def test_a_tile_that_does_not_fit_is_out_of_resources(self):
        reply = self.worker.compile(self.options(support.tile(128, 128, 128, warps=8, stages=4), arch="sm_120"), "sm_120")
        self.assertEqual("out_of_resources", reply["status"])
        self.assertGreater(reply["shared_bytes"], 101376)
        self.assertIn(f"needs {reply['shared_bytes']} bytes of shared memory, a block has 101376", reply["log_tail"])
        self.assertGreater(reply["seconds"], 0)

    def test_jobs_that_are_wrong_are_refused_and_the_worker_goes_on(self):
        options = self.options(support.tile(16, 64, 64))
        less = options | {"constants": {name: value for name, value in options["constants"].items() if name != "N"}}
        for changes, part in (({"kernel_digest": "0" * 64}, "its source has changed"),
                              ({"options": options | {"signature": {}}}, "for another kernel: BLOCK_SIZE_K"),
                              ({"options": less | {"signature": less["signature"] | {"N": "constexpr"}}}, "fit together at N"),
                              ({"arch": "gfx942"}, "arch must be like sm_90"), ({"options": {}}, "no field")):
            reply = self.worker.compile(options, "sm_90a", changes)
            self.assertEqual(["compile_error", 0], [reply["status"], reply["seconds"]])
            self.assertIn(part, reply["log_tail"])
        self.compiled(self.worker, options)

    def test_a_folder_that_cannot_be_written_says_nothing_about_the_kernel(self):
        reply = self.worker.compile(self.options(support.tile(16, 64, 64)), "sm_90a", {"output": "/nowhere/at/all/1.cubin"})
        self.assertEqual("ok", reply["status"])
        self.assertIn("No such file", reply["not_written"])

    def test_equal_options_make_equal_bytes_wherever_the_package_lies(self):
        options = self.options(support.tile(64, 64, 64), group="runtime")
        with tempfile.TemporaryDirectory() as other, tempfile.TemporaryDirectory() as folder:
            shutil.copytree(self.path, other, dirs_exist_ok=True)
            # Nothing that a user sets for his own runs has an influence.
            with Worker(folder, "--kernel", "vllm", "--engine-path", other, TRITON_DISABLE_LINE_INFO="0",
                        TRITON_DEFAULT_FP_FUSION="0", DISABLE_PTXAS_OPT="1", TRITON_INTERPRET="1") as second:
                self.assertEqual(self.compiled(self.worker, options), self.compiled(second, options))

    def test_hints_that_are_left_out_change_no_machine_code(self):
        # What a JIT would add to options() at M = 64, where all of these are multiples of 16.
        for kernel, kind in ((self.kernel, "fp8 block"), (self.kernel, "bf16")):
            plain = self.options(support.tile(16, 64, 64), kind)
            left_out = ["EM", "num_valid_tokens", "stride_asm", "stride_ask", "stride_bse", "stride_bsk", "stride_bsn",
                        "stride_bbe", "stride_bbn"]
            hinted = plain | {"divisible": sorted({*plain["divisible"], *(
                name for name in left_out if plain["signature"].get(name) == "i32")})}
            self.assertGreater(len(hinted["divisible"]), len(plain["divisible"]))
            self.assertEqual(self.compiled(self.worker, plain), self.compiled(self.worker, hinted))


class EndOfAWorkerTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def worker(self, *arguments, **environment):
        worker = Worker(self.folder, *arguments, **environment)
        self.addCleanup(worker.end)
        return worker

    def lethal(self):
        """A worker and the options of tiles that kill it."""
        sources = support.Folder(self)
        text = support.builtin_text()
        self.assertIn(AFTER, text)
        sources.write("lethal.py", text.replace(AFTER, AFTER + LETHAL))
        kernel = Kernel.find("lethal.py", [], [sources.path])
        tiles = [support.tile(16, n, 64) for n in (64, 32, 16)]
        options = support.options_in(make_plan(kernel, support.request(configs=tiles)))
        return self.worker("--kernel", "lethal.py", "--kernel-path", sources.path), options

    def test_a_kernel_that_kills_the_compiler_leaves_what_it_said(self):
        worker, (harmless, abort, _) = self.lethal()
        self.assertEqual("ok", worker.compile(harmless, "sm_90a")["status"])
        self.assertIsNone(worker.compile(abort, "sm_90a"))
        self.assertEqual(-signal.SIGABRT, worker.process.wait())
        self.assertIn("Fatal Python error: Aborted", worker.log_text())
        said = worker.output(2).with_suffix(".cubin.log").read_text(encoding="utf-8")
        self.assertIn("Invalid $ operand number in inline asm string", said)

    def test_a_compiler_that_exits_takes_its_worker_with_it(self):
        worker, (*_, leaves) = self.lethal()
        self.assertIsNone(worker.compile(leaves, "sm_90a"))
        self.assertEqual(1, worker.process.wait())
        said = worker.output(1).with_suffix(".cubin.log").read_text(encoding="utf-8")
        self.assertIn("couldn't allocate output register", said)

    def test_end_of_input_ends_it(self):
        worker = self.worker("--kernel", "builtin")
        self.assertEqual(0, worker.end())

    def test_what_is_not_a_request_ends_it_with_a_word(self):
        worker = self.worker("--kernel", "builtin")
        self.assertIsNone(worker.ask(type="compile"))
        self.assertEqual(70, worker.process.wait())
        self.assertIn("a request needs an integer id", worker.log_text())

    def test_a_kernel_that_is_not_there_is_told_before_hello(self):
        worker = self.worker("--kernel", "vllm", "--engine-path", self.folder)
        self.assertIsNone(worker.hello)
        self.assertEqual(4, worker.process.wait())
        self.assertIn("vllm is not installed for this Python", worker.log_text())
        self.assertNotIn("Traceback", worker.log_text())

    def test_a_compiler_that_does_not_work_is_told_before_hello(self):
        ptxas = support.Folder(self).write("ptxas", "#!/bin/sh\n[ $1 = --version ] && echo 'release 99.8, V99.8.93'\n")
        ptxas.chmod(0o755)
        worker = self.worker("--kernel", "builtin", TRITON_PTXAS_PATH=str(ptxas))
        self.assertIsNone(worker.hello)
        self.assertEqual(4, worker.process.wait())
        self.assertIn("does not compile the simplest kernel", worker.log_text())

    def test_a_ptxas_of_the_user_s_is_part_of_the_compiler_s_name(self):
        import triton
        own = pathlib.Path(triton.__file__).parent / "backends" / "nvidia" / "bin" / "ptxas"
        worker = self.worker("--kernel", "builtin", TRITON_PTXAS_PATH=str(own))
        self.assertRegex(worker.hello["compiler"], r"^triton \d+\.\d+\.\d+, ptxas \d+\.\d+\.\d+$")

    def test_it_ends_with_the_process_that_started_it(self):
        parent = os.fork()
        if parent == 0:
            worker = Worker(self.folder, "--kernel", "builtin")
            (worker.folder / "pid").write_text(str(worker.process.pid), encoding="utf-8")
            os._exit(0 if worker.hello else 1)
        self.assertEqual(0, os.waitpid(parent, 0)[1])
        with open(os.path.join(self.folder, "pid"), encoding="utf-8") as file:
            worker = int(file.read())
        deadline = time.monotonic() + 60
        while os.path.exists(f"/proc/{worker}") and time.monotonic() < deadline:
            time.sleep(0.01)
        self.assertFalse(os.path.exists(f"/proc/{worker}"))

    def test_memory_does_not_grow_with_the_jobs(self):
        kernel = Kernel.find("builtin")
        tiles = [support.tile(16, n, k, stages=stages) for n in (32, 64) for k in (32, 64) for stages in (2, 3)]
        options = support.options_in(make_plan(kernel, support.request(configs=tiles)))
        resident = []
        with Worker(self.folder, "--kernel", "builtin") as worker:
            for each in options:
                self.assertEqual("ok", worker.compile(each, "sm_90a")["status"])
                with open(f"/proc/{worker.process.pid}/statm", encoding="utf-8") as statm:
                    resident.append(int(statm.read().split()[1]) * os.sysconf("SC_PAGESIZE") >> 20)
        self.assertLess(resident[-1], 400, f"MiB: {resident}")
        self.assertLess(resident[-1] - resident[1], 40, f"MiB: {resident}")


if __name__ == "__main__":
    need_triton()
    unittest.main()
