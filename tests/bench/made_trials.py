"""Made-up trials for the benchmarks: the same rows for the same numbers, shaped like sweeps of block-quantised problems.

A problem has its own (E, N), eight batches, and for each batch the engine's default first, then other tiles; some rows
failed. The rows of a problem carry one sweep label and stand next to each other, as an export has them.
"""

import itertools
import random

BATCHES = (1, 8, 16, 64, 128, 512, 1024, 4096)
EXPERTS = (8, 16, 32, 64, 128, 160, 256, 512)
HIDDEN_SIZES = (2048, 4096, 5120, 7168)
TOPKS = (2, 4, 6, 8)
TILES = tuple(itertools.product((16, 32, 64, 128), (64, 128), (1, 16, 32, 64), (4, 8), (2, 3, 4, 5)))

HEAD = ('{"device":"NVIDIA_H200","arch":"sm_90","E":%d,"N":%d,"hidden_size":%d,"topk":%d,"dtype":"fp8_w8a8",'
        '"act_dtype":"bfloat16","block_shape":[128,128],"gated":true,"per_channel_quant":false,')
MIDDLE = ('"batch":%d,"config":{"BLOCK_SIZE_M":%d,"BLOCK_SIZE_N":%d,"BLOCK_SIZE_K":128,"GROUP_SIZE_M":%d,'
          '"num_warps":%d,"num_stages":%d},"kernel":"vllm",'
          '"kernel_digest":"6f1ed002ab5595859014ebf0951522d96f1ed002ab5595859014ebf0951522d9","compiler":"triton 3.6.0",')
OK = '"status":"ok","latency_us":%.3f,"samples_us":[%.3f,%.3f,%.3f],'
FAILED = '"status":"out_of_resources","latency_us":null,"samples_us":[],"log_tail":"needs more shared memory",'
TAIL = ('"l2":"cold","routing":"uniform","origin":"measured","measured_at":"2026-%02d-%02dT10:%02d:%02dZ",'
        '"gpu_uuid":"GPU-f6488bfc-7ac1-336a-a894-64179b1e572f","driver":"580.159.04","sm_clock_mhz":1980,'
        '"tool_version":"0.1.0","sweep":"0badcafe-%d"}\n')


def size_of(problem):
    """(E, N), different for each problem."""
    return EXPERTS[problem % len(EXPERTS)], 32 * (1 + problem // len(EXPERTS))


def default_tile(batch):
    """What the engine uses for 128x128 block fp8 when it has no file: M, N, GROUP_SIZE_M, warps, stages."""
    return (16 if batch <= 64 else 64), 128, (1 if batch <= 16 else 32), 4, 3


def rows_of(problem, count):
    """The lines of one problem; `count` is a multiple of len(BATCHES)."""
    dice = random.Random(problem)
    head = HEAD % (*size_of(problem), HIDDEN_SIZES[problem % 4], TOPKS[problem // 4 % 4])
    tail = TAIL % (1 + problem % 11, 1 + problem % 28, problem // 60 % 60, problem % 60, problem)
    for batch in BATCHES:
        default = default_tile(batch)
        others = [tile for tile in dice.sample(TILES, count // len(BATCHES)) if tile != default]
        for tile in [default, *others][:count // len(BATCHES)]:
            us = (8 + batch ** 0.7) * (0.8 + dice.random())
            failed = tile is not default and dice.random() < 0.06
            measured = FAILED if failed else OK % (us, us * 1.004, us, us * 0.997)
            yield head + MIDDLE % (batch, *tile) + measured + tail


def write(path, problems, rows_per_problem):
    """Writes problems * rows_per_problem lines of trial JSONL."""
    with open(path, "w", encoding="ascii", buffering=1 << 20) as file:
        for problem in range(problems):
            file.write("".join(rows_of(problem, rows_per_problem)))
