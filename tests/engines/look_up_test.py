"""Files that moetune writes, read back by the engines' own look-up: for every M from 1 to 65536 it gives the row that was
written for the nearest key. `look_up_test.py ENGINE_ANSWERS`."""

import pathlib
import random
import sys
import tempfile
import unittest

from oracle import Answers, Engine, versions

HIGH = 65536
BATCHES = [1, 2, 4, 8, 16, 24, 32, 48, 64, 96, 128, 256, 512, 1024, 1536, 2048, 3072, 4096]
SHAPE = {"E": 256, "N": 512, "dtype": "fp8_w8a8", "block_shape": [128, 128]}
W1, W2, TOPK = (256, 1024, 2048), (256, 2048, 512), 8
FIELDS = ("BLOCK_SIZE_M", "BLOCK_SIZE_N", "BLOCK_SIZE_K", "GROUP_SIZE_M", "num_warps", "num_stages")
DEVICES = ("NVIDIA H200 NVL", "NVIDIA H100 80GB HBM3 MIG 1g.10gb")


# Releases whose reader makes a number of every key. A file for vLLM says of which Triton it is, as vLLM's tuner writes it.
NO_VERSION_KEY = {("vllm", "0.8.5")}


def shuffled(keys, seed):
    keys = list(keys)
    random.Random(seed).shuffle(keys)
    return keys


# Ascending, in any order (of two keys that are equally near the first in the file counts), few, and beyond every batch.
ORDERS = {
    "ascending": BATCHES,
    "shuffled": shuffled(BATCHES, 1),
    "shuffled otherwise": shuffled([*range(1, 40), 100, 65536], 2),
    "descending": BATCHES[::-1],
    "one": [48],
    "ties": [9, 5, 7, 1, 3],
}


def tile(number):
    """Tiles that differ in every number."""
    return dict(zip(FIELDS, (16 << number % 3, 32 << number % 4, 64 << number % 2, 1 + number, 4, 2 + number % 4)))


class LookUpTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.answers = Answers(PROGRAM)
        cls.addClassCleanup(cls.answers.close)

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def engine_with_files(self, name, version, device, configs, gemms=("up",), triton_version="3.6.0",
                          file_version="3.6.0"):
        """The engine with the files that moetune writes for it from rows of Triton `file_version`."""
        engine = Engine(name, version, self.folder / f"{name}-{version}-{len(list(self.folder.iterdir()))}", device,
                        triton_version)
        engine.place().mkdir(parents=True)
        for gemm in gemms:
            file = self.answers("name", engine=name, device=device, gemm=gemm, **SHAPE)["name"]
            text = self.answers("file", engine=name, gemm=gemm, triton_version=file_version,
                                configs=list(configs.items()))["text"]
            (engine.place() / file).write_text(text, encoding="utf-8")
        return engine

    def look_up(self, engine, batch, **more):
        return engine.try_get_optimal_moe_config(W1, W2, TOPK, SHAPE["dtype"], batch, block_shape=SHAPE["block_shape"],
                                                 **more)

    def expect_rows(self, engine, configs):
        """Every M gives the row of moetune's nearest key, and nothing else stands in it."""
        nearest = self.answers("nearest", keys=list(configs), high=HIGH)["nearest"]
        self.assertEqual(len(nearest), HIGH)
        for batch, key in enumerate(nearest, 1):
            if self.look_up(engine, batch) != configs[key]:
                self.fail(f"M = {batch}: {self.look_up(engine, batch)}, not the row of {key}")

    def test_every_batch_gets_what_was_written_for_its_nearest_key(self):
        for name, version in versions():
            # Before 0.16 vLLM has another name for an H200 NVL.
            device = DEVICES[1] if (name, version) in (("vllm", "0.8.5"), ("vllm", "0.11.0")) else DEVICES[0]
            for order, keys in ORDERS.items():
                with self.subTest(engine=name, version=version, order=order):
                    configs = {key: tile(i) for i, key in enumerate(keys)}
                    known = None if (name, version) in NO_VERSION_KEY else "3.6.0"
                    self.expect_rows(self.engine_with_files(name, version, device, configs, file_version=known), configs)

    def test_an_old_vllm_takes_the_version_for_a_batch_size(self):
        for name, version in NO_VERSION_KEY:
            engine = self.engine_with_files(name, version, DEVICES[1], {1: tile(0)})
            with self.assertRaisesRegex(ValueError, "triton_version"):
                self.look_up(engine, 1)

    def test_sglang_finds_both_files_of_a_pair(self):
        pairs = {key: tile(i) | {"down": tile(i) | {"BLOCK_SIZE_N": 64, "GROUP_SIZE_M": 50 + i}}
                 for i, key in enumerate(shuffled(BATCHES, 3))}
        read = 0
        for name, version in versions():
            if not name == "sglang" or "return_down_config" not in Engine(name, version, "/x").parameters(
                    "try_get_optimal_moe_config"):
                continue
            engine = self.engine_with_files(name, version, DEVICES[0], pairs, ("up", "down"))
            nearest = self.answers("nearest", keys=list(pairs), high=HIGH)["nearest"]
            for batch, key in enumerate(nearest, 1):
                up, (down, most_rows) = self.look_up(engine, batch, return_down_config=True)
                expected = dict(pairs[key])
                self.assertEqual(expected.pop("down"), down, (version, batch))
                self.assertEqual(expected, up, (version, batch))
                self.assertEqual(most_rows, 64)
            read += 1
        self.assertEqual(read, 3)

    def test_sglang_looks_in_the_folder_of_its_triton(self):
        configs = {1: tile(0), 64: tile(1)}
        for name, version in versions():
            if name != "sglang":
                continue
            for triton_version in ("3.6.0", "3.5.1+git1234"):
                with self.subTest(version=version, triton=triton_version):
                    engine = self.engine_with_files(name, version, DEVICES[0], configs, triton_version=triton_version)
                    self.assertEqual(tile(1), self.look_up(engine, 4096))

    def test_without_a_file_the_heuristic_answers(self):
        for name, version in versions():
            with self.subTest(engine=name, version=version):
                engine = Engine(name, version, self.folder / f"empty-{name}-{version}", DEVICES[0])
                engine.place().mkdir(parents=True)
                known = {"M": 64, "E": 256, "N": 512, "K": 2048, "topk": 8, "dtype": "fp8_w8a8", "is_marlin": False,
                         "block_shape": [128, 128]}
                names = engine.parameters("get_default_config")
                self.assertEqual(engine.get_default_config(**{name: known[name] for name in names}),
                                 self.look_up(engine, 64))


if __name__ == "__main__":
    PROGRAM = sys.argv.pop()
    unittest.main()
