"""Plans, the engines' defaults in them, and what inspect_engines.py prints."""

import json
import subprocess
import sys
import unittest

import engine_files
import support

from kernel import Kernel
from plan import make_plan
from refusal import Refusal

TILES = [support.tile(m, 64, k, group=group) for m in (16, 64) for k in (64, 128, 256) for group in (1, 16)]
BATCHES = [1, 2, 4, 8, 16, 24, 32, 48, 64, 96, 128, 256, 512, 1024, 1536, 2048, 3072, 4096]


def plan(name="vllm", version="0.33.0", **changes):
    return make_plan(support.engine(name, version), support.request(**({"configs": TILES} | changes)))


class PlanTest(unittest.TestCase):
    def test_an_artifact_serves_all_batches_shapes_of_one_class_and_group_sizes(self):
        scan = plan(group="runtime", batches=[16, 64, 4096])
        self.assertEqual(2 * 2 * 3, len(scan["artifacts"]))
        self.assertEqual(1, len(scan["classes"]))
        self.assertEqual(scan["classes"][0]["up"][0], scan["classes"][0]["up"][1])
        other = plan(group="runtime", batches=[16], problem=support.problem(E=64, N=768, hidden_size=4096))
        self.assertEqual(support.options_in(scan), support.options_in(other))

    def test_the_unchanged_kernel_has_an_artifact_for_each_group_size(self):
        self.assertEqual(2 * 2 * 3 * 2, len(plan(group="constant")["artifacts"]))

    def test_a_block_limits_block_size_k_as_vllm_does(self):
        block = plan(kind="fp8 block", group="runtime")
        sizes = [options["constants"]["BLOCK_SIZE_K"] for options in support.options_in(block)]
        self.assertEqual([64, 64, 128, 128, 128, 128] * 2, sizes)
        self.assertEqual(2 * 2 * 2, len(block["artifacts"]))

    def test_sglang_refuses_a_tile_that_is_larger_than_a_block(self):
        block = plan("sglang", "0.5.23", kind="fp8 block")
        self.assertEqual([4, 5, 10, 11], [refused["config"] for refused in block["refused"]])
        self.assertIn("BLOCK_SIZE_K 256", block["refused"][0]["reason"])
        self.assertIsNone(support.options_in(block)[4])

    def test_small_batches_take_their_own_path_where_the_version_has_one(self):
        classes = [(each["batches"], each["naive"]) for each in plan(batches=BATCHES)["classes"]]
        self.assertEqual([(BATCHES[:4], True), (BATCHES[4:], False)], classes)
        self.assertEqual([False], [each["naive"] for each in plan(version="0.11.0", batches=BATCHES)["classes"]])

    def test_operands_change_places_where_the_version_does_that(self):
        def swapped(name, version, parameter, device, arch="sm_90a"):
            tiles = [support.tile(16, 64, 128), support.tile(64, 64, 128), support.tile(16, 32, 128)]
            answer = plan(name, version, kind="fp8 block", configs=tiles, device=device, arch=arch)
            return [options["constants"][parameter] for options in support.options_in(answer)]

        self.assertEqual([True, False, False], swapped("vllm", "0.33.0", "SWAP_AB", "NVIDIA_H200"))
        self.assertEqual([False, False, False], swapped("vllm", "0.33.0", "SWAP_AB", "NVIDIA_L20", "sm_89"))
        self.assertEqual([True, False, False], swapped("sglang", "0.5.23", "swap_ab", "NVIDIA_H200"))
        # This version did it on one GPU alone.
        self.assertEqual([False, False, False], swapped("sglang", "0.5.8", "swap_ab", "NVIDIA_H200"))
        self.assertEqual([True, False, False], swapped("sglang", "0.5.8", "swap_ab", "NVIDIA_H20"))

    def test_programmatic_launch_is_on_from_hopper_on(self):
        for arch, expected in (("sm_90a", [True, True]), ("sm_80", [None, None])):
            answer = plan("sglang", "0.5.23", arch=arch, batches=[64, 1024])
            self.assertEqual(expected, [family.get("launch_pdl") for family in answer["families"]][:2], arch)
        self.assertEqual([[64], [1024]], [each["batches"] for each in plan("sglang", "0.5.23", batches=[64, 1024])["classes"]])

    def test_what_cannot_be_tuned_is_refused_with_a_reason(self):
        for problem, arch, reason in (
                (support.problem(dtype="int4_w4a16", block_shape=[0, 128]), "sm_90a", "int4_w4a16 .*wna16"),
                (support.problem(dtype="int8_w8a16", block_shape=[0, 128]), "sm_90a", "int8_w8a16 with groups.*wna16"),
                (support.problem(dtype="int8_w8a8"), "sm_90a", "int8_w8a8 is not one"),
                (support.problem("fp8"), "sm_80", "needs an architecture of sm_89"),
                (support.problem(block_shape=[128, 128]), "sm_90a", "block_shape needs"),
                (support.problem(E=0), "sm_90a", "E must be"),
                (support.problem(colour=1), "sm_90a", "not known: colour"),
                (support.problem(), "gfx90a", "arch must be like")):
            with self.subTest(reason), self.assertRaisesRegex(Refusal, reason):
                plan(problem=problem, arch=arch)
        for changes, reason in (({"batches": []}, "batches must"), ({"group": "both"}, "group must"),
                                ({"configs": [{"BLOCK_SIZE_M": 16}]}, "BLOCK_SIZE_N must")):
            with self.subTest(reason), self.assertRaisesRegex(Refusal, reason):
                plan(**changes)


class DefaultsTest(unittest.TestCase):
    def tiles(self, name, version, kind, batches=(1, 8, 32, 64, 128, 512, 1024, 4096), **changes):
        defaults = plan(name, version, kind=kind, batches=batches, configs=[], **changes)["defaults"]
        self.assertEqual(f"{name} {version} get_default_config", defaults.get("source"), defaults)
        return ["{BLOCK_SIZE_M}x{BLOCK_SIZE_N}x{BLOCK_SIZE_K} g{GROUP_SIZE_M} w{num_warps} s{num_stages}".format(**each)
                for each in defaults["configs"]]

    def test_each_version_answers_with_its_own_heuristic(self):
        self.assertEqual(
            ["16x64x128 g1 w4 s4", "16x64x128 g1 w4 s4", "16x64x128 g1 w4 s4", "32x64x128 g1 w4 s3", "64x128x64 g1 w4 s3",
             "64x128x64 g1 w8 s3", "128x128x64 g1 w8 s3", "128x128x64 g1 w8 s3"], self.tiles("vllm", "0.33.0", "bf16"))
        self.assertEqual(
            ["16x128x128 g1 w4 s3"] * 2 + ["16x128x128 g32 w4 s3"] * 2 + ["64x128x128 g32 w4 s3"] * 4,
            self.tiles("vllm", "0.24.0", "fp8 block"))
        self.assertEqual("16x64x128 g1 w4 s4", self.tiles("vllm", "0.33.0", "fp8 block")[0])
        # Triton's own numbers of warps and stages where the heuristic has none.
        old = ["16x32x64 g1 w4 s3"] * 5 + ["64x64x32 g8 w4 s3"] * 3
        self.assertEqual(old, self.tiles("vllm", "0.8.5", "bf16"))
        self.assertEqual(old, self.tiles("sglang", "0.5.23", "bf16"))
        self.assertEqual(["64x128x128 g32 w4 s3"] * 8, self.tiles("sglang", "0.4.6", "fp8 block"))

    def test_a_heuristic_may_depend_on_the_gpu(self):
        self.assertEqual("128x256x128 g32 w8 s4", self.tiles("sglang", "0.5.23", "fp8")[-1])
        self.assertEqual("64x128x256 g64 w4 s2", self.tiles("sglang", "0.5.23", "fp8", arch="sm_120")[-1])

    def test_every_version_answers_for_every_kind(self):
        for name, version, _ in engine_files.all_folders():
            for kind in support.KINDS:
                with self.subTest(f"{name} {version} {kind}"):
                    self.assertEqual(2, len(self.tiles(name, version, kind, batches=(1, 4096))))

    def test_a_heuristic_that_asks_what_nobody_knows_is_named(self):
        folder = support.Folder(self)
        folder.write("vllm/moe/fused_moe.py", support.builtin_text() + """
def get_default_config(M, E, N, K, topk, dtype, block_shape=None):
    return {"BLOCK_SIZE_M": current_platform.temperature()}
""" + support.ALIGN_TEXT + support.LAUNCHER_TEXT)
        defaults = make_plan(Kernel.find("vllm", [folder.path]), support.request(configs=TILES))["defaults"]
        self.assertIn("current_platform.temperature is asked for", defaults["reason"])

    def test_builtin_has_none(self):
        self.assertEqual({"reason": "builtin is of no engine"},
                         make_plan(Kernel.find("builtin"), support.request(configs=TILES))["defaults"])


class InspectTest(unittest.TestCase):
    """The script as the daemon runs it."""

    def run_script(self, *arguments, stdin=""):
        command = [sys.executable, support.SOURCES / "inspect_engines.py", *arguments]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
        return done.returncode, json.loads(done.stdout or "{}"), done.stderr

    def test_engines_versions_and_what_can_be_tuned(self):
        paths = [part for name, version in engine_files.NEWEST.items()
                 for part in ("--engine-path", str(engine_files.folder(name, version)))]
        status, answer, _ = self.run_script(*paths)
        self.assertEqual(0, status)
        self.assertEqual(engine_files.NEWEST, {engine["name"]: engine["version"] for engine in answer["engines"]})
        for kernel in [*answer["engines"], answer["builtin"]]:
            self.assertEqual([6, {}], [len(kernel["tunes"]), kernel["refuses"]])
            self.assertRegex(kernel["kernel_digest"], "^[0-9a-f]{64}$")
        self.assertEqual("vllm 0.33.0 get_default_config", answer["engines"][0]["default"]["source"])
        self.assertIn("found", answer["triton"])

    def test_only_newer_versions_of_sglang_read_a_file_for_gemm_2(self):
        reads = {}
        for name, version in [(name, version) for name, versions in engine_files.VERSIONS.items() for version in versions]:
            _, answer, _ = self.run_script("--engine-path", str(engine_files.folder(name, version)))
            reads |= {(name, version): engine["down_file"] for engine in answer["engines"] if engine["name"] == name}
        self.assertEqual({("sglang", version) for version in ("0.5.8", "0.5.15", "0.5.23")},
                         {release for release, down in reads.items() if down})

    def test_a_plan_without_triton(self):
        request = json.dumps(support.request(kernel="builtin", configs=TILES))
        status, answer, _ = self.run_script("plan", stdin=request)
        self.assertEqual([0, "builtin"], [status, answer["kernel"]])

    def test_every_line_is_answered_with_one(self):
        request = json.dumps(support.request(kernel="builtin", configs=TILES))
        command = [sys.executable, support.SOURCES / "inspect_engines.py", "plan"]
        done = subprocess.run(command, input=f'{request}\n{{"kernel": "x"}}\n{request}\n', capture_output=True, text=True,
                              check=False)
        answers = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual(["builtin", None, "builtin"], [answer.get("kernel") for answer in answers])
        self.assertIn("kernel x is not known", answers[1]["error"])

    def test_errors_are_one_line_without_a_stack_trace(self):
        for arguments, stdin, part in ((["plan"], "{", "Expecting"), (["plan"], '{"kernel": "x"}', "kernel x is not known"),
                                       (["--engine-path", "/nowhere/at/all"], "", "is not a folder")):
            status, answer, log = self.run_script(*arguments, stdin=stdin)
            self.assertEqual([1, ""], [status, log])
            self.assertIn(part, answer["error"])


class VersionTest(unittest.TestCase):
    def test_the_version_is_the_build_s(self):
        from version import VERSION
        self.assertIn(f"project(moetune VERSION {VERSION} ", (support.ROOT / "CMakeLists.txt").read_text(encoding="utf-8"))


if __name__ == "__main__":
    unittest.main()
