"""Parameters are bound by name to what the engines' own launchers pass, in every version."""

import unittest

import engine_files
import support
from launch_call import ShapeOnly, call_of, values_of

from gemm_launch import GemmLaunch, Variant
from kernel import Kernel
from moe_problem import Problem
from refusal import Refusal

# Strides that the kernel does not read for this kind of numbers: versions differ in what they pass.
UNREAD = {"fp8": {"stride_bse", "stride_bsk", "stride_bsn"}}


def bound(kernel, kind="bf16", gemm="up", variant=Variant(), group_at_run_time=False, capability=90, **changes):
    launch = GemmLaunch(Problem.of(support.problem(kind, **changes)), gemm, capability)
    return kernel.binding(launch, variant, group_at_run_time)


class EveryVersionTest(unittest.TestCase):
    def test_the_binding_agrees_with_the_launcher_of_the_version(self):
        compared = 0
        for name, version, _ in engine_files.all_folders():
            kernel = support.engine(name, version)
            for kind in support.KINDS:
                for gemm in ("up", "down"):
                    with self.subTest(f"{name} {version} {kind} {gemm}"):
                        binding = bound(kernel, kind, gemm)
                        passed = values_of(kernel.path, support.problem(kind), gemm == "up")
                        for parameter, value in passed.items():
                            if parameter not in UNREAD.get(kind, ()):
                                self.agree(binding, parameter, value)
                                compared += 1
        self.assertGreater(compared, 3000)

    def agree(self, binding, name, value):
        kind = binding.signature[name]
        if isinstance(value, ShapeOnly):
            self.assertTrue(kind.startswith("*"), f"{name} is {kind}, the launcher passes a tensor")
        elif isinstance(value, bool) or value is None or name in ("group_n", "group_k", "top_k") or value == 1:
            self.assertEqual(("constexpr", value), (kind, binding.constants.get(name)), name)
        elif isinstance(value, int):
            self.assertEqual("i32", kind, name)
            if name in binding.divisible:
                self.assertEqual(0, value % 16, name)

    def test_every_parameter_of_every_version_is_supplied(self):
        for name, version, _ in engine_files.all_folders():
            kernel = support.engine(name, version)
            for kind in support.KINDS:
                binding = bound(kernel, kind)
                self.assertEqual([parameter.name for parameter in kernel.parameters], list(binding.signature))
                folded = {name for name, kind in binding.signature.items() if kind == "constexpr"}
                self.assertLessEqual(binding.constants.keys(), folded)

    def test_the_rule_of_the_small_batch_path_is_the_one_in_the_source(self):
        for name, version, _ in engine_files.all_folders():
            kernel = support.engine(name, version)
            text = kernel.path.read_text(encoding="utf-8")
            rule = "* 4 <= global_num_experts" in text or "SPARSITY_FACTOR = 4\n" in text
            self.assertEqual(kernel.has_naive_path, rule, f"{name} {version}")

    def test_what_programmatic_launch_depends_on_is_the_one_in_the_source(self):
        for version in engine_files.VERSIONS["sglang"]:
            kernel = support.engine("sglang", version)
            text = kernel.path.read_text(encoding="utf-8")
            takes = "USE_GDC" in {parameter.name for parameter in kernel.parameters}
            self.assertEqual(takes, '"launch_pdl": True, "GDC_EARLY": A.shape[0] <= 512' in text)


class LayoutTest(unittest.TestCase):
    """Against the parameter lists that were read off vLLM's compiled kernels on a GPU."""

    def names(self, *arguments, **keywords):
        binding = bound(support.engine("vllm", "0.33.0"), *arguments, **keywords)
        return [parameter["name"] for parameter in binding.parameters()]

    def test_fp8_block(self):
        self.assertEqual(
            ["a_ptr", "b_ptr", "c_ptr", "a_scale_ptr", "b_scale_ptr", "topk_weights_ptr", "sorted_token_ids_ptr",
             "expert_ids_ptr", "num_tokens_post_padded_ptr", "N", "K", "EM", "num_valid_tokens", "stride_am", "stride_be",
             "stride_bn", "stride_cm", "stride_asm", "stride_bse", "stride_bsn", "stride_bbe", "stride_bbn"],
            self.names("fp8 block"))

    def test_bf16_keeps_strides_that_are_zero(self):
        names = self.names("bf16")
        self.assertEqual(22, len(names))
        self.assertLessEqual({"stride_ask", "stride_bsk"}, set(names))
        self.assertNotIn("a_scale_ptr", names)

    def test_the_small_batch_path_has_one_pointer_less(self):
        self.assertEqual({"sorted_token_ids_ptr"}, set(self.names()) - set(self.names(variant=Variant(naive=True))))

    def test_a_stride_of_one_disappears(self):
        gone = set(self.names("fp8 block")) - set(self.names("fp8 block", hidden_size=128))
        self.assertEqual({"stride_asm", "stride_bsn"}, gone)

    def test_a_single_pair_folds_its_number_away(self):
        self.assertEqual({"num_valid_tokens"}, set(self.names()) - set(self.names(variant=Variant(single=True))))

    def test_the_group_size_can_be_an_argument(self):
        self.assertEqual({"GROUP_SIZE_M"}, set(self.names(group_at_run_time=True)) - set(self.names()))

    def test_types(self):
        kernel = support.engine("vllm", "0.33.0")
        types = {kind: [bound(kernel, kind).signature[name] for name in ("a_ptr", "b_ptr", "c_ptr")] for kind in support.KINDS}
        self.assertEqual(["*bf16", "*bf16", "*bf16"], types["bf16"])
        self.assertEqual(["*fp16", "*fp16", "*fp16"], types["fp16"])
        self.assertEqual(["*fp8e4nv", "*fp8e4nv", "*bf16"], types["fp8 block"])
        self.assertEqual(["*bf16", "*i8", "*bf16"], types["int8"])
        large = bound(kernel, E=8, N=1 << 16, hidden_size=1 << 16)
        self.assertEqual("i64", large.signature["stride_be"])

    def test_divisibility_follows_the_shape(self):
        kernel = support.engine("vllm", "0.33.0")
        even, odd = bound(kernel), bound(kernel, N=520, hidden_size=2056)
        self.assertLessEqual({"N", "K", "stride_am", "stride_be", "stride_bn", "stride_cm", "a_ptr"}, set(even.divisible))
        self.assertIn("a_ptr", odd.divisible)
        self.assertNotIn("K", odd.divisible)
        self.assertNotIn("EM", even.divisible)

    def test_router_weight_and_gating(self):
        kernel = support.engine("vllm", "0.33.0")

        def weighted(gemm, on_input):
            return bound(kernel, gemm=gemm, router_weight_on_input=on_input).constants["MUL_ROUTED_WEIGHT"]

        self.assertEqual([False, True], [weighted("up", False), weighted("down", False)])
        self.assertEqual([True, False], [weighted("up", True), weighted("down", True)])
        launches = [GemmLaunch(Problem.of(support.problem(gated=gated)), "up", 90) for gated in (True, False)]
        self.assertEqual([1024, 512], [launch.n for launch in launches])


class RefusalsTest(unittest.TestCase):
    def setUp(self):
        self.folder = support.Folder(self)

    def kernel(self, old="    even_Ks: tl.constexpr,\n", new=""):
        text = support.builtin_text()
        self.assertIn(old, text)
        self.folder.write("mine.py", text.replace(old, old + new if not new.startswith("=") else new[1:]))
        return Kernel.find("mine.py", [], [self.folder.path])

    def test_an_unknown_constant_is_named(self):
        with self.assertRaisesRegex(Refusal, "mine.py.*cannot supply: MYSTERY, a compile-time constant"):
            bound(self.kernel(new="    MYSTERY: tl.constexpr,\n"))

    def test_an_unknown_argument_is_named(self):
        with self.assertRaisesRegex(Refusal, "cannot supply: mystery_ptr, an argument"):
            bound(self.kernel(new="    mystery_ptr,\n"))

    def test_the_default_of_a_file_s_constant_is_kept(self):
        self.assertEqual({"source": "3"}, bound(self.kernel(new="    MYSTERY: tl.constexpr = 3,\n")).constants["MYSTERY"])

    def test_the_default_of_an_engine_s_constant_is_not(self):
        source = engine_files.folder("vllm", "0.33.0") / "vllm/model_executor/layers/fused_moe/fused_moe.py"
        text = source.read_text(encoding="utf-8")
        last = "    USE_TD: tl.constexpr = False,\n"
        self.assertIn(last, text)
        self.folder.write("vllm/moe/fused_moe.py", text.replace(last, last + "    NEW_MODE: tl.constexpr = False,\n"))
        with self.assertRaisesRegex(Refusal, "vllm unknown: .*cannot supply: NEW_MODE"):
            bound(Kernel.find("vllm", [self.folder.path]))

    def test_a_constant_that_has_become_an_argument(self):
        with self.assertRaisesRegex(Refusal, "top_k is an argument of the kernel"):
            bound(self.kernel("    top_k: tl.constexpr,\n", "=    top_k,\n"))

    def test_a_kernel_without_the_small_batch_path(self):
        with self.assertRaisesRegex(Refusal, "vllm 0.11.0: .*no small-batch path"):
            bound(support.engine("vllm", "0.11.0"), variant=Variant(naive=True))


if __name__ == "__main__":
    unittest.main()
