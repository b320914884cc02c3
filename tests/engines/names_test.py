"""Names of files: moetune's against those that the engines' own get_config_file_name makes, over all combinations of what
goes into a name. `names_test.py ENGINE_ANSWERS`."""

import collections
import itertools
import sys
import unittest

from oracle import Answers, Engine, versions

EXPERTS = (1, 8, 257)
SIZES = (64, 14336)
BLOCKS = (None, [128, 128], [64, 128], [128, 64], [0, 128], [128, 0], [0, 0])
DTYPES = {"vllm": (None, "fp8_w8a8", "fp8_w8a16", "int8_w8a16", "int4_w4a16", "float32"),
          "sglang": (None, "fp8_w8a8", "int8_w8a8", "int8_w8a16", "int4_w4a16", "float32")}

PLAIN = ("NVIDIA H20", "NVIDIA H100 80GB HBM3", "NVIDIA GH200 480GB", "NVIDIA H100 80GB HBM3 MIG 1g.10gb", "NVIDIA GB10",
         "NVIDIA RTX PRO 6000 Blackwell Max-Q Workstation Edition", "AMD Instinct MI300X", "A,B=C [1, 2]\"'é®")
OF_H200 = ("NVIDIA H200 NVL", "H200", "NVIDIA H200 MIG 1g.18gb", "NVIDIA_H200_NVL")
ODD_GAPS = ("AMD Radeon Pro MI50  Rev", " NVIDIA L20", "NVIDIA\tL20 ")
PATHS = ("AMD Instinct MI50/MI60", "AMD Instinct MI50 / MI60")
DEVICES = ("NVIDIA H200", *PLAIN, *OF_H200, *ODD_GAPS, *PATHS)

# Devices that an older version spells otherwise. moetune follows the newest one of each engine.
OLDER_SPELLING = {
    ("vllm", "0.8.5"): {*OF_H200, "AMD Radeon Pro MI50  Rev", "NVIDIA\tL20 ", *PATHS},
    ("vllm", "0.11.0"): {*OF_H200, "AMD Radeon Pro MI50  Rev", "NVIDIA\tL20 ", *PATHS},
    ("vllm", "0.16.0"): {"AMD Radeon Pro MI50  Rev", "NVIDIA\tL20 ", *PATHS},
    ("vllm", "0.24.0"): {"AMD Radeon Pro MI50  Rev", "NVIDIA\tL20 ", *PATHS},
}


class NamesTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.answers = Answers(PROGRAM)
        cls.addClassCleanup(cls.answers.close)

    def moetune(self, engine, device, experts, size, dtype, block, per_channel, down):
        answer = self.answers("name", engine=engine, device=device, gemm="down" if down else "up", E=experts, N=size,
                              dtype=dtype, block_shape=block, per_channel_quant=per_channel)
        return answer.get("name")

    def combinations(self, engine):
        """(E, N, dtype, block, per_channel, down), as far as this version knows them."""
        words = (False, True) if engine.reads_down_file() else (False,)
        return itertools.product(EXPERTS, SIZES, DTYPES[engine.name], BLOCKS, words, words)

    def test_every_name_is_the_engines(self):
        compared = 0
        for (name, version), device in itertools.product(versions(), DEVICES):
            if device in OLDER_SPELLING.get((name, version), ()) or (name == "sglang" and device in PATHS):
                continue
            engine = Engine(name, version, "/nowhere", device)
            for experts, size, dtype, block, per_channel, down in self.combinations(engine):
                more = {"per_channel_quant": per_channel, "down_moe": down} if engine.reads_down_file() else {}
                compared += 1
                with self.subTest(version=version, device=device):
                    self.assertEqual(engine.get_config_file_name(experts, size, dtype, block, **more),
                                     self.moetune(name, device, experts, size, dtype, block, per_channel, down))
        self.assertEqual(compared, 73080)

    def test_older_versions_spell_these_devices_otherwise(self):
        others = collections.defaultdict(set)
        for (name, version), device in itertools.product(versions(), DEVICES):
            engine = Engine(name, version, "/nowhere", device)
            if name == "vllm" and engine.get_config_file_name(8, 64, None, None) != self.moetune(
                    name, device, 8, 64, None, None, False, False):
                others[name, version].add(device)
        self.assertEqual(OLDER_SPELLING, others)

    def test_a_name_that_would_be_a_path_is_refused(self):
        for device in PATHS:
            for version in ("0.4.6", "0.5.23"):
                self.assertIn("/", Engine("sglang", version, "/nowhere", device).get_config_file_name(8, 64, None, None))
            self.assertIsNone(self.moetune("sglang", device, 8, 64, None, None, False, False))


if __name__ == "__main__":
    PROGRAM = sys.argv.pop()
    unittest.main()
