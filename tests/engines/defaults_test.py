"""The defaults that moetune knows without an engine, against the engines' own heuristics for every M. `defaults_test.py
ENGINE_ANSWERS`."""

import json
import sys
import unittest

from oracle import Answers, Engine

BATCHES = [*range(1, 4097), *(4096 + 37 * i for i in range(1, 300)), 16384, 32768, 65536, 1 << 20]
SHAPES = [  # E, N, hidden_size, topk
    (256, 512, 2048, 8), (8, 14336, 4096, 2), (128, 768, 2048, 8), (1, 64, 64, 1), (512, 128, 4096, 10), (16, 8192, 5120, 1)]
FORMS = [  # dtype, block_shape
    (None, None), ("fp8_w8a8", None), ("fp8_w8a8", [128, 128]), ("fp8_w8a8", [64, 128]), ("fp8_w8a8", [32, 64]),
    ("fp8_w8a16", None), ("int8_w8a16", None), ("int8_w8a8", None), ("float32", None),
    ("int8_w8a16", [0, 128]), ("int8_w8a16", [0, 64]), ("int4_w4a16", [0, 128]), ("int4_w4a16", [0, 32]),
    ("int4_w4a16", [0, 256])]
GROUPED = ("int8_w8a16", "int4_w4a16")
TRITON_DEFAULTS = {"num_warps": 4, "num_stages": 3}
FIELDS = ("BLOCK_SIZE_M", "BLOCK_SIZE_N", "BLOCK_SIZE_K", "GROUP_SIZE_M", "num_warps", "num_stages")


def runs_in_cuda(engine, shape, dtype, block, batch):
    """Whether vLLM leaves its Triton kernel for another one there."""
    return dtype == "int4_w4a16" and engine.should_moe_wna16_use_cuda(batch * shape[3], block[1], shape[0], 4)


def default_of(engine, shape, dtype, block, batch):
    """The tile with which the Triton kernel of GEMM 1 is launched, what the heuristic leaves open filled in as the
    launcher and Triton do."""
    experts, size, hidden_size, topk = shape
    known = {"M": batch, "E": experts, "N": size, "K": hidden_size, "topk": topk, "dtype": dtype, "is_marlin": False,
             "block_shape": block}
    config = engine.get_default_config(**{name: known[name] for name in engine.parameters("get_default_config")})
    if block is not None and dtype in GROUPED:
        config |= engine.get_moe_wna16_block_config(
            config=config, use_moe_wna16_cuda=False, num_valid_tokens=batch * topk, size_k=hidden_size, size_n=2 * size,
            num_experts=experts, group_size=block[1], real_top_k=topk, block_size_m=config["BLOCK_SIZE_M"])
    config = TRITON_DEFAULTS | config
    return {name: config[name] for name in FIELDS}


class DefaultsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.answers = Answers(PROGRAM)
        cls.addClassCleanup(cls.answers.close)

    def differences(self, version):
        """{(dtype, block): {batch: (vLLM's, moetune's)}} over all shapes, without the batches of another kernel."""
        engine = Engine("vllm", version, "/nowhere")
        found = {}
        for shape in SHAPES:
            for dtype, block in FORMS:
                answer = self.answers("defaults", E=shape[0], N=shape[1], hidden_size=shape[2], topk=shape[3], dtype=dtype,
                                      block_shape=block, batches=BATCHES)
                for batch, known in zip(BATCHES, answer["configs"], strict=True):
                    if runs_in_cuda(engine, shape, dtype, block, batch):
                        continue
                    config = default_of(engine, shape, dtype, block, batch)
                    if config != known:
                        found.setdefault((dtype, tuple(block or ())), {})[batch] = config, known
        return found

    def test_it_is_that_of_vllm_0_24(self):
        self.assertEqual({}, self.differences("0.24.0"))

    def test_vllm_0_33_differs_where_it_is_said_to(self):
        found = self.differences("0.33.0")
        self.assertEqual({("fp8_w8a8", (128, 128)), ("fp8_w8a8", (64, 128))}, set(found))
        for form, batches in found.items():
            changes = {batch: {name: newer[name] for name in FIELDS if newer[name] != known[name]}
                       for batch, (newer, known) in batches.items()}
            narrower = {"BLOCK_SIZE_N": 64} if form[1][0] == 128 else {}
            expected = {batch: narrower | ({"num_stages": 4} if batch <= 4 else {}) for batch in range(1, 9)}
            self.assertEqual({batch: change for batch, change in expected.items() if change}, changes)

    def test_lint_knows_the_default_rows_of_both_engines(self):
        blocks = ("fp8_w8a8", [128, 128])
        for name, version, devices, forms in (
                ("vllm", "0.24.0", ("NVIDIA_H200",), [(None, None), ("fp8_w8a8", None), blocks]),
                ("sglang", "0.5.23", ("NVIDIA_H200", "NVIDIA_L40S"),
                 [(None, None), ("fp8_w8a8", None), blocks, ("int8_w8a8", None)])):
            for device in devices:
                engine = Engine(name, version, "/nowhere", device.replace("_", " "),
                                shared_memory={"NVIDIA_H200": 232448, "NVIDIA_L40S": 101376}[device])
                for shape in SHAPES[:3]:
                    for dtype, block in forms:
                        with self.subTest(engine=name, device=device, shape=shape, dtype=dtype):
                            rows = {batch: default_of(engine, shape, dtype, block, batch) for batch in range(1, 4097)}
                            file = engine.get_config_file_name(*shape[:2], dtype, block)
                            self.assertEqual(list(rows), self.default_rows(name, file, rows))
                            others = {batch: row | {"GROUP_SIZE_M": 5} for batch, row in rows.items()}
                            self.assertEqual([], self.default_rows(name, file, others))

    def default_rows(self, engine, file, rows):
        """The batches whose rows `moetune lint` takes for the engine's default."""
        folder = "/x/triton_3_6_0" if engine == "sglang" else "/x"
        findings = self.answers("lint", path=f"{folder}/{file}", text=json.dumps(rows))["findings"]
        return [batch for code, batch in findings if code == "default_row"]

    def test_only_int4_leaves_the_triton_kernel(self):
        engine = Engine("vllm", "0.33.0", "/nowhere")
        batches = [batch for batch in range(1, 4097)
                   if runs_in_cuda(engine, (256, 512, 2048, 8), "int4_w4a16", [0, 128], batch)]
        self.assertEqual(list(range(1, 193)), batches, "M * 8 / 256 <= 6")
        self.assertFalse(runs_in_cuda(engine, (256, 512, 2048, 8), "int4_w4a16", [0, 256], 1))


if __name__ == "__main__":
    PROGRAM = sys.argv.pop()
    unittest.main()
