"""How many rows a launch covers: what is told of the engines, against the whole of their own functions."""

import itertools
import unittest

import engine_files
import support
from support import ALIGN_TEXT, LAUNCHER_TEXT
from whole_function import ALIGN, allocated, cdiv, launched

from alignment_rule import AlignmentRule
from kernel import Kernel
from plan import make_plan
from refusal import Refusal

# Read off the sources by hand: extra_experts, pairs_limit, round_to, rows_limit.
RULES = {
    ("vllm", "0.8.5"): (0, False, 1, True),
    ("vllm", "0.11.0"): (0, False, 1, True),
    ("vllm", "0.16.0"): (0, True, 1, True),
    ("vllm", "0.24.0"): (0, True, 1, True),
    ("vllm", "0.33.0"): (0, True, 1, True),
    ("sglang", "0.4.6"): (0, False, 1, False),
    ("sglang", "0.5.3"): (1, False, 1, False),
    ("sglang", "0.5.8"): (1, True, 1, False),
    ("sglang", "0.5.15"): (1, True, 1, False),
    ("sglang", "0.5.23"): (1, True, 4, False),
}

# (batch, topk, experts) around every change of a size.
SHAPES = [(1, 1, 1), (1, 2, 8), (3, 2, 5), (1, 8, 256), (8, 8, 256), (9, 8, 256), (31, 8, 255), (32, 8, 256), (33, 8, 256),
          (7, 9, 62), (7, 9, 63), (7, 9, 64), (513, 3, 160), (4096, 8, 384)]
BLOCKS = (16, 64, 128, 256)

def kernels():
    for name, version, folder in engine_files.all_folders():
        yield (name, version), Kernel.find(name, [folder])


def align_file(kernel):
    """The one that allocates: others of the name are given the tensor."""
    return next(path for path in kernel.engine.files_with(ALIGN) if "sorted_ids = torch.empty" in path.read_text("utf-8"))


class RealEnginesTest(unittest.TestCase):
    def test_each_version_has_its_own_rule(self):
        found = {}
        for release, kernel in kernels():
            rule = kernel.alignment
            found[release] = rule.extra_experts, rule.pairs_limit, rule.round_to, rule.rows_limit
            self.assertEqual(kernel.has_naive_path, rule.naive, release)
        self.assertEqual(RULES, found)

    def test_sizes_are_those_that_the_engine_allocates(self):
        for release, kernel in kernels():
            path = align_file(kernel)
            for (batch, topk, experts), block in itertools.product(SHAPES, BLOCKS):
                size = kernel.alignment.sorted_size(batch * topk, experts, block)
                self.assertEqual((size, cdiv(size, block)), allocated(path, batch, topk, experts, block),
                                 f"{release} {batch} {topk} {experts} {block}")

    def test_rows_and_grids_are_those_of_the_engines_launches(self):
        for release, kernel in kernels():
            names = [parameter.name for parameter in kernel.parameters]
            for rows, top_k, block, size in itertools.product((1, 15, 16, 64, 300), (1, 8), BLOCKS, (16, 4100, 16448)):
                em = kernel.alignment.rows(size, rows, top_k, block)
                tile = support.tile(block, 64, 128)
                self.assertEqual((em, cdiv(em, block) * 4), launched(kernel.path, names, size, rows, top_k, tile),
                                 f"{release} {rows} {top_k} {block} {size}")

    def test_without_alignment_every_pair_is_a_block(self):
        without = [(release, kernel) for release, kernel in kernels() if kernel.alignment.naive]
        self.assertEqual([("vllm", version) for version in ("0.16.0", "0.24.0", "0.33.0")], [release for release, _ in without])
        for release, kernel in without:
            names = [parameter.name for parameter in kernel.parameters]
            self.assertEqual((3 * 8 * 64, 24 * 4), launched(kernel.path, names, None, 3, 8, support.tile(64, 64, 128)), release)

    def test_plans_say_it(self):
        answer = make_plan(support.engine("sglang", "0.5.23"), support.request(configs=[support.tile(16, 64, 128)]))
        self.assertEqual({"naive": False, "extra_experts": 1, "pairs_limit": True, "round_to": 4, "rows_limit": False},
                         answer["alignment"])


class NameTest(unittest.TestCase):
    def test_a_rule_that_is_not_the_newest_vllm_s_is_part_of_the_digest(self):
        for (name, version), kernel in kernels():
            newest = RULES[name, version] == RULES["vllm", "0.33.0"]
            self.assertEqual(newest, kernel.digest == kernel.source.digest, f"{name} {version}")
            self.assertRegex(kernel.digest, "^[0-9a-f]{64}$")

    def test_a_kernel_of_no_engine_is_launched_as_by_the_newest_vllm(self):
        kernel = Kernel.find("builtin")
        self.assertEqual(AlignmentRule(naive=kernel.has_naive_path), kernel.alignment)
        self.assertEqual(kernel.source.digest, kernel.digest)


class MadeUpEnginesTest(unittest.TestCase):
    def kernel(self, align=ALIGN_TEXT, launcher=LAUNCHER_TEXT, more=()):
        folder = support.Folder(self)
        folder.write("vllm/moe/fused_moe.py", support.builtin_text() + launcher)
        folder.write("vllm/moe/align.py", align)
        for name, text in more:
            folder.write(name, text)
        return Kernel.find("vllm", [folder.path])

    def refusal(self, *arguments, **keywords):
        with self.assertRaises(Refusal) as raised:
            self.kernel(*arguments, **keywords).alignment  # noqa: B018
        return str(raised.exception)

    def test_a_branch_that_no_default_takes_does_no_harm(self):
        self.assertEqual(AlignmentRule(True, 0, False, 1, False), self.kernel().alignment)

    def test_another_function_of_the_name_is_no_obstacle(self):
        other = "def moe_align_block_size(topk_ids, sorted_ids):\n    fill(sorted_ids)\n"
        self.assertEqual(AlignmentRule(True, 0, False, 1, False), self.kernel(more=[("vllm/moe/other.py", other)]).alignment)
        self.assertIn("one function moe_align_block_size should allocate sorted_token_ids: none", self.refusal(align=other))
        self.assertRegex(self.refusal(more=[("vllm/moe/other.py", ALIGN_TEXT)]), "should allocate .*align.py, .*other.py")

    def test_sizes_that_cannot_be_told_are_named(self):
        for part, other, named in (
                ("if pad:", "if flag_of_the_server:", "flag_of_the_server"),
                ("if pad:\n        size = padded_by_a_stranger(size)", "if topk_ids.is_cuda:\n        size += 1", "is_cuda"),
                ("num_experts * (block_size - 1)", "spare()", "spare"),
                ("pad=False", "pad", "the parameter pad"),
                ("if pad:\n        size = padded_by_a_stranger(size)", "for i in range(3):\n        size += 1", "for i in range"),
                ("(block_size - 1)", "(block_size - 1) + topk_ids.numel() % 3", "in a way that moetune does not know"),
                ("(size,)", "(size, 2)", "is no number")):
            with self.subTest(other):
                self.assertIn(part, ALIGN_TEXT)
                self.assertIn(named, self.refusal(align=ALIGN_TEXT.replace(part, other)))

    def test_rows_that_cannot_be_told_are_named(self):
        for part, other, named in (
                ("sorted_token_ids.size(0)", "sorted_token_ids.size(0) + 1", "limits the rows"),
                ('top_k * config["BLOCK_SIZE_M"]', "top_k", "one block a pair"),
                ("triton.cdiv(EM,", "triton.cdiv(2 * EM,", "on a grid that is not one of cdiv(EM, BLOCK_SIZE_M)"),
                ("EM=EM, ", "", "does not pass EM"),
                ("fused_moe_kernel[grid]", "other_kernel[grid]", "should launch fused_moe_kernel in one place, not 0")):
            with self.subTest(other):
                self.assertIn(part, LAUNCHER_TEXT)
                self.assertIn(named, self.refusal(launcher=LAUNCHER_TEXT.replace(part, other)))

    def test_the_request_s_own_batches_are_tried_too(self):
        kernel = self.kernel(ALIGN_TEXT.replace("    if pad:", "    if topk_ids.numel() == 777 * 8:\n        size += 16\n    if pad:"))
        tiles = [support.tile(32, 64, 128)]
        make_plan(kernel, support.request(batches=[776], configs=tiles))
        with self.assertRaisesRegex(Refusal, "777 tokens, topk 8, 256 experts, BLOCK_SIZE_M 32"):
            make_plan(kernel, support.request(batches=[776, 777], configs=tiles))


if __name__ == "__main__":
    unittest.main()
