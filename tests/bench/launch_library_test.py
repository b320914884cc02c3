"""The launch library of the comparison, on a driver that computes nothing: `launch_library_test.py LIBRARY FAKE_LIBCUDA`."""

import ctypes
import json
import sys
import unittest

sys.dont_write_bytecode = True

from launch_library import LaunchError, LaunchLibrary, call_text, pointer_array  # noqa: E402
from published_space import PROBLEMS  # noqa: E402

TILE = {"BLOCK_SIZE_M": 64, "BLOCK_SIZE_N": 128, "BLOCK_SIZE_K": 128, "GROUP_SIZE_M": 16, "num_warps": 4, "num_stages": 3}
LAUNCH = {"name": "fused_moe_kernel", "num_warps": 4, "num_ctas": 1, "launch_pdl": False,
          "launch_cooperative_grid": False, "global_scratch_bytes": 0, "global_scratch_align": 1,
          "profile_scratch_bytes": 0, "profile_scratch_align": 1,
          "parameters": [{"name": "c_ptr", "type": "*bf16"}, {"name": "sorted_token_ids_ptr", "type": "*i32"},
                         {"name": "K", "type": "i32"}, {"name": "global_scratch", "type": "*u8"}]}
REPLY = {"launch": LAUNCH, "shared_bytes": 1000}
STREAM = 1


class LaunchLibraryTest(unittest.TestCase):
    def setUp(self):
        self.library = LaunchLibrary(sys.argv[1])
        self.call = call_text(PROBLEMS["fp8"], TILE, 64, "down")
        self.pointers = pointer_array({"c": 0x3000, "sorted_token_ids": 0x7000})

    def loaded(self, text, reply=REPLY):
        kernel = self.library.load(reply, text.encode() + b"\0")
        self.addCleanup(kernel.close)
        return kernel

    def test_passes_what_the_kernel_takes(self):
        values, grid = self.library.arguments(LAUNCH, self.call, self.pointers)
        self.assertEqual({"c_ptr": 0x3000, "sorted_token_ids_ptr": 0x7000, "K": 512, "global_scratch": 0}, values)
        self.assertEqual((512 + 256 * 63 + 63) // 64 * (2048 // 128), grid)

    def test_covers_what_the_rule_says(self):
        rule = {"naive": False, "extra_experts": 1, "pairs_limit": True, "round_to": 4, "rows_limit": False}
        call = call_text(PROBLEMS["fp8"], TILE, 64, "down", rule)
        _, grid = self.library.arguments(LAUNCH, call, self.pointers)
        self.assertEqual((512 + 257 * 63 + 1 + 63) // 64 * (2048 // 128), grid)  # 16703 entries, rounded up to 16704

    def test_a_graph_takes_as_long_as_its_launches(self):
        kernel = self.loaded("us=40")
        graph = self.library.capture(STREAM, lambda: [kernel.launch(self.call, self.pointers, STREAM) for _ in range(3)])
        self.addCleanup(graph.close)
        for _ in range(2):
            graph.replay()
            self.assertAlmostEqual(120, graph.elapsed_us(), places=3)

    def test_a_library_that_is_loaded_already_is_the_one_that_is_used(self):
        count = ctypes.c_int()
        self.assertEqual(0, DRIVER.cuDriverGetVersion(ctypes.byref(count)))
        self.loaded("us=1")
        with open("/proc/self/maps", encoding="ascii") as maps:
            found = {line.split()[-1] for line in maps if "libcuda.so" in line}
        self.assertEqual(1, len(found), found)

    def test_failures_say_why(self):
        with self.assertRaisesRegex(LaunchError, "CUDA_ERROR_INVALID_IMAGE"):
            self.library.load(REPLY, b"broken\0")
        with self.assertRaisesRegex(LaunchError, "needs 300000 bytes of shared memory"):
            self.library.load(REPLY | {"shared_bytes": 300000}, b"us=1\0")
        with self.assertRaisesRegex(LaunchError, "num_ctas"):
            self.library.load({"launch": LAUNCH | {"num_ctas": 0}, "shared_bytes": 0}, b"us=1\0")
        with self.assertRaisesRegex(LaunchError, "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES"):
            self.loaded("refuse").launch(self.call, self.pointers, STREAM)
        for change, told in (({"batch": 0}, "batch"), ({"gemm": 3}, "gemm"), ({"alignment": {}}, "alignment.naive"),
                             ({"config": {}}, "BLOCK_SIZE_M"), ({"surplus": 1}, "surplus")):
            with self.assertRaisesRegex(LaunchError, told):
                self.library.arguments(LAUNCH, json.dumps(json.loads(self.call) | change).encode(), self.pointers)

    def test_what_a_captured_call_raises_comes_through(self):
        with self.assertRaisesRegex(ZeroDivisionError, "division"):
            self.library.capture(STREAM, lambda: 1 // 0)
        kernel = self.loaded("us=5")
        graph = self.library.capture(STREAM, lambda: kernel.launch(self.call, self.pointers, STREAM))
        self.addCleanup(graph.close)
        graph.replay()
        self.assertAlmostEqual(5, graph.elapsed_us(), places=3)


if __name__ == "__main__":
    DRIVER = ctypes.CDLL(sys.argv[2])  # as PyTorch has opened the real one
    unittest.main(argv=sys.argv[:1])
