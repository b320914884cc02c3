"""Kernels are lifted out of real packages and made-up ones, and what cannot be lifted is named."""

import unittest

import engine_files
import support

from engine_package import find_engine, find_engines
from kernel import Kernel
from kernel_source import lift
from refusal import Refusal

SMALL = """
    import triton
    import triton.language as tl

    FACTOR: tl.constexpr = 2
    OFFSET = tl.constexpr(FACTOR + 1)

    @triton.jit
    def helper(x):
        return x * FACTOR + OFFSET

    @triton.jit
    def fused_moe_kernel(a_ptr, N, BLOCK: tl.constexpr, EXTRA: tl.constexpr = 3):
        tl.store(a_ptr, helper(N))
    """


class RealEnginesTest(unittest.TestCase):
    def test_at_least_six_versions_are_lifted_and_say_what_they_are(self):
        lifted = {}
        for name, version, folder in engine_files.all_folders():
            with self.subTest(f"{name} {version}"):
                engine = find_engine(name, [folder])
                self.assertEqual(version, engine.version)
                lifted[name, version] = Kernel.find(name, [folder]).source
        self.assertGreaterEqual(len(lifted), 6)
        for name in engine_files.VERSIONS:
            self.assertGreaterEqual(sum(engine == name for engine, _ in lifted), 3)
        # What is lifted is self-contained: nothing but Triton is imported.
        for source in lifted.values():
            imports = [line for line in source.text.splitlines() if "import" in line]
            self.assertEqual(["import triton.language as tl", "import triton"], imports)

    def test_parameters_differ_between_versions_and_are_read_from_the_source(self):
        names = {(name, version): [parameter.name for parameter in support.engine(name, version).parameters]
                 for name, version, _ in engine_files.all_folders()}
        self.assertNotIn("b_bias_ptr", names["vllm", "0.8.5"])
        self.assertIn("b_bias_ptr", names["vllm", "0.11.0"])
        self.assertNotIn("naive_block_assignment", names["vllm", "0.11.0"])
        self.assertIn("naive_block_assignment", names["vllm", "0.16.0"])
        self.assertIn("SWAP_AB", names["vllm", "0.33.0"])
        self.assertIn("even_Ks", names["sglang", "0.4.6"])
        self.assertIn("swap_ab", names["sglang", "0.5.8"])
        self.assertIn("USE_GDC", names["sglang", "0.5.23"])
        self.assertGreaterEqual(len({tuple(each) for each in names.values()}), 7)

    def test_defaults_and_constants_of_parameters_are_known(self):
        parameters = {parameter.name: parameter for parameter in support.engine("vllm", "0.33.0").parameters}
        self.assertFalse(parameters["N"].constexpr)
        self.assertTrue(parameters["BLOCK_SIZE_M"].constexpr)
        self.assertEqual("False", parameters["USE_TD"].default)
        self.assertIsNone(parameters["SWAP_AB"].default)

    def test_a_package_is_found_by_its_own_folder_too(self):
        folder = engine_files.folder("vllm", "0.33.0")
        self.assertEqual(find_engine("vllm", [folder]), find_engine("vllm", [folder / "vllm"]))

    def test_of_two_versions_the_first_folder_counts(self):
        folders = [engine_files.folder("vllm", version) for version in ("0.11.0", "0.33.0")]
        self.assertEqual("0.11.0", find_engines(folders)["vllm"].version)


class CanonicalTextTest(unittest.TestCase):
    def setUp(self):
        self.folder = support.Folder(self)

    def digest(self, text, name="one.py"):
        return lift(self.folder.write(name, text), self.folder.path).digest

    def test_layout_comments_docstrings_and_the_rest_of_the_file_do_not_change_the_digest(self):
        plain = self.digest(SMALL)
        self.assertEqual(plain, self.digest(SMALL, "other/place.py"))
        self.assertEqual(plain, self.digest(SMALL.replace("(FACTOR + 1)", "( FACTOR  +  1 )  # a comment")))
        documented = SMALL.replace("        return x", '        """Says something."""\n\n        return x')
        self.assertEqual(plain, self.digest(documented))
        unrelated = "\n    import torch\n    SIZE = torch.something()\n    def host(x):\n        return undefined(x)\n"
        self.assertEqual(plain, self.digest(SMALL + unrelated))

    def test_code_that_matters_changes_the_digest(self):
        plain = self.digest(SMALL)
        for old, new in (("= 2", "= 4"), ("FACTOR + 1", "FACTOR + 5"), ("x * FACTOR", "x + FACTOR"),
                         ("EXTRA: tl.constexpr = 3", "EXTRA: tl.constexpr = 4"),
                         ("@triton.jit\n    def fused", '@triton.jit(do_not_specialize=["N"])\n    def fused')):
            with self.subTest(new):
                self.assertIn(old, SMALL)
                self.assertNotEqual(plain, self.digest(SMALL.replace(old, new)))

    def test_helpers_of_other_files_of_the_package_are_lifted(self):
        self.folder.write("engine/layers/helpers.py", """
            from ..constants import FACTOR
            from engine.triton_utils import tl, triton

            @triton.jit
            def helper(x):
                return x * FACTOR
            """)
        self.folder.write("engine/constants.py", "FACTOR = 7\n")
        path = self.folder.write("engine/layers/kernel.py", """
            from engine.layers.helpers import helper
            from engine.triton_utils import tl, triton

            @triton.jit
            def fused_moe_kernel(a_ptr):
                tl.store(a_ptr, helper(1))
            """)
        text = lift(path, self.folder.path).text
        self.assertIn("FACTOR = 7", text)
        self.assertIn("def helper(x)", text)
        self.assertIn("import triton.language as tl", text)

    def test_parameters_that_are_not_specialised_are_known(self):
        text = SMALL.replace("@triton.jit\n    def fused", '@triton.jit(do_not_specialize=["a_ptr", 1])\n    def fused')
        parameters = lift(self.folder.write("k.py", text), self.folder.path).parameters
        self.assertEqual([False, False, True, True], [parameter.specialized for parameter in parameters])


class RefusalsTest(unittest.TestCase):
    def setUp(self):
        self.folder = support.Folder(self)

    def refused(self, *parts, change=None):
        text = SMALL
        for old, new in change or []:
            self.assertIn(old, text)
            text = text.replace(old, new)
        with self.assertRaises(Refusal) as raised:
            lift(self.folder.write("engine/kernel.py", text), self.folder.path)
        for part in parts:
            self.assertIn(part, str(raised.exception))

    def test_a_helper_that_is_not_jitted(self):
        self.refused("helper", "@triton.jit", change=[("@triton.jit\n    def helper", "def helper")])

    def test_a_decorator_that_chooses_constants_itself(self):
        self.refused("fused_moe_kernel", "triton.autotune",
                     change=[("@triton.jit\n    def fused", "@triton.autotune(configs=[])\n    @triton.jit\n    def fused")])

    def test_a_constant_that_is_computed(self):
        self.refused("OFFSET", "detect()", change=[("tl.constexpr(FACTOR + 1)", "detect()")])

    def test_a_name_that_is_not_defined(self):
        self.refused("missing", change=[("x * FACTOR", "x * missing")])

    def test_a_name_that_depends_on_a_condition(self):
        two = "if FLAG:\n        OFFSET = 1\n    else:\n        OFFSET = 2"
        self.refused("OFFSET", "more than one way", change=[("OFFSET = tl.constexpr(FACTOR + 1)", two)])

    def test_a_helper_of_another_package(self):
        self.refused("helper", "elsewhere.helper", change=[
            ("import triton.language as tl", "import triton.language as tl\n    from elsewhere import helper"),
            ("@triton.jit\n    def helper(x):\n        return x * FACTOR + OFFSET\n", "")])

    def test_a_file_of_the_package_that_is_not_there(self):
        self.refused("engine.gone.helper", change=[
            ("import triton.language as tl", "import triton.language as tl\n    from engine.gone import helper"),
            ("@triton.jit\n    def helper(x):\n        return x * FACTOR + OFFSET\n", "")])

    def test_a_file_without_the_kernel(self):
        self.refused("no function fused_moe_kernel", change=[("def fused_moe_kernel", "def other_kernel")])

    def test_a_file_that_is_not_python(self):
        self.refused("cannot read", change=[("return x", "return return")])

    def test_kernels_and_engines_that_are_not_there(self):
        for name, paths, part in (("cuda", [], "is not known"), ("mine.py", [], "no folder was given"),
                                  ("mine.py", [self.folder.path], str(self.folder.path)), ("../mine.py", [], "is not known")):
            with self.subTest(name), self.assertRaisesRegex(Refusal, part):
                Kernel.find(name, [], paths)
        with self.assertRaisesRegex(Refusal, "sglang is not installed.*--engine-path"):
            Kernel.find("sglang", [engine_files.folder("vllm", "0.33.0")])
        with self.assertRaisesRegex(Refusal, "is not a folder"):
            find_engines([self.folder.path / "nothing"])


if __name__ == "__main__":
    unittest.main()
