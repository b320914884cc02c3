"""Shapes of models: moetune's against those that vLLM's tuning script reads from the same config.json.
`model_params_test.py ENGINE_ANSWERS`."""

import collections
import sys
import unittest

from model_params import Script, corpus
from oracle import Answers, engine_files

# E, topk, intermediate size and hidden size as the script has them where moetune has others, and why.
OTHERWISE = {
    "grok_2": ((8, 2, 32768, 8192), "the script takes the dense layers' intermediate_size; experts have moe_intermediate_size"),
    "nemotron_3_super": ((512, 22, 2688, 4096), "the experts work on moe_latent_size, 1024, which the script does not know"),
}

# What the script reads a shape from and moetune refuses, by a word of its reason: dense, or run by kernels without files.
REFUSED = {
    "deepseek_r1_nvfp4": "NVFP4",
    "gpt_oss_20b": "mxfp4",
    "granite_4_h_1b": "dense",
    "jamba2_3b": "dense",
}

# How many files of the corpus each version reads as moetune does. In the others it looks for Mixtral's fields and ends.
EQUAL = {"0.8.5": 19, "0.11.0": 23, "0.16.0": 29, "0.24.0": 30, "0.33.0": 32}

# Those that no version reads: only what their authors published can be held against moetune's answer (model_corpus_test).
UNREAD = {
    "aria", "deepseek_moe_16b", "deepseek_vl2", "dots_llm1", "ernie_4_5_21b_a3b", "ernie_4_5_vl_28b_a3b",
    "flex_olmo", "gemma_4_31b", "glm_4_5v", "grok_1", "intern_s1_pro", "internvl3_5_30b_a3b", "k_exaone",
    "kimi_k2_5", "kimi_vl", "lfm2_8b_a1b", "ling_mini_2", "llama_3_1_8b", "longcat_flash", "mimo_v2_flash",
    "nemotron_nano_9b_v2", "olmoe", "pangu_ultra_moe", "step_3", "step_3_5_flash", "trinity_mini",
}


class ModelParamsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        answers = Answers(PROGRAM)
        cls.addClassCleanup(answers.close)
        cls.texts = corpus()
        cls.ours = {name: answers("model", text=text) for name, text in cls.texts.items()}
        scripts = {version: Script(version) for version in engine_files.SCRIPTS}
        cls.theirs = {(version, name): script(text) for version, script in scripts.items()
                      for name, text in cls.texts.items()}

    def read(self):
        """((version, name), shape) of everything that a script reads."""
        return [(key, tuple(shape)) for key, shape in self.theirs.items() if not isinstance(shape, Exception)]

    def test_every_shape_that_a_script_reads_is_moetunes(self):
        equal = collections.Counter()
        for (version, name), shape in self.read():
            ours = self.ours[name]
            with self.subTest(version=version, model=name):
                if name in OTHERWISE:
                    self.assertEqual(shape, OTHERWISE[name][0])
                elif name in REFUSED:
                    self.assertIn(REFUSED[name], ours["error"])
                else:
                    self.assertIn(list(shape[:3]), ours["layers"])
                    self.assertEqual(shape[3], ours["hidden_size"])
                    equal[version] += 1
        self.assertEqual(dict(equal), EQUAL)

    def test_what_is_listed_as_otherwise_is(self):
        for name, (shape, why) in OTHERWISE.items():
            ours = self.ours[name]
            self.assertNotIn((list(shape[:3]), shape[3]), [(layer, ours["hidden_size"]) for layer in ours["layers"]], why)
        self.assertEqual(set(OTHERWISE) | set(REFUSED), {name for (_, name), _ in self.read()} & (set(OTHERWISE) | set(REFUSED)))

    def test_what_no_version_reads_is_known(self):
        self.assertEqual(set(self.texts) - {name for (_, name), _ in self.read()}, UNREAD)


if __name__ == "__main__":
    PROGRAM = sys.argv.pop()
    unittest.main()
