"""The configurations that vLLM's published tuner tries on NVIDIA GPUs, which of them are one and the same kernel, and seeded
samples of them."""

import itertools
import random

FIELDS = ("BLOCK_SIZE_M", "BLOCK_SIZE_N", "BLOCK_SIZE_K", "GROUP_SIZE_M", "num_warps", "num_stages")
VALUES = ((16, 32, 64, 128, 256), (32, 64, 128, 256), (64, 128, 256), (1, 16, 32, 64), (4, 8), (2, 3, 4, 5))
SHARED_LIMIT = 232448  # of a block on sm_90
BATCHES = (1, 2, 4, 8, 16, 24, 32, 48, 64, 96, 128, 256, 512, 1024, 1536, 2048, 3072, 4096)

PROBLEMS = {
    "bf16": {"E": 128, "N": 768, "hidden_size": 2048, "topk": 8},
    "fp8": {"E": 256, "N": 512, "hidden_size": 2048, "topk": 8, "dtype": "fp8_w8a8", "block_shape": [128, 128]},
}


def space(block_shape=None):
    """All candidates: 1920, and with a quantisation block only those whose tiles are multiples of it."""
    tiles = [dict(zip(FIELDS, values)) for values in itertools.product(*VALUES)]
    if block_shape is None:
        return tiles
    n, k = block_shape
    return [tile for tile in tiles if tile["BLOCK_SIZE_N"] % n == 0 and tile["BLOCK_SIZE_K"] % k == 0]


def effective(tile, block_shape=None):
    """The tile that the launcher makes of it: BLOCK_SIZE_K is at most a quantisation block."""
    return tile | {"BLOCK_SIZE_K": min(tile["BLOCK_SIZE_K"], *block_shape)} if block_shape else dict(tile)


def distinct(tiles, block_shape=None):
    """The different effective tiles among them, in their order."""
    return [dict(items) for items in dict.fromkeys(tuple(effective(tile, block_shape).items()) for tile in tiles)]


def shared_bytes(tile, element_bytes):
    """What the tile's pipeline takes of shared memory on Hopper (exact for bf16; block scales add up to 1 KiB)."""
    buffers = tile["num_stages"] if tile["BLOCK_SIZE_M"] >= 64 else tile["num_stages"] - 1
    return (tile["BLOCK_SIZE_M"] + tile["BLOCK_SIZE_N"]) * tile["BLOCK_SIZE_K"] * element_bytes * buffers


def comparison_tiles(block_shape, count, groups, seed=0):
    """`count` random tiles, each with `groups` values of GROUP_SIZE_M. The published space, and with a quantisation block
    also the narrower tiles that divide it, as installed tuners try them. Seven tiles in eight fit the shared memory and have
    at most 128 x 128 elements; the eighth is any other of 8 warps, be it too large, as those take a compiler seconds."""
    dice = random.Random(seed)
    tiles = distinct(space(), block_shape)
    if block_shape:
        tiles = [tile for tile in tiles if block_shape[0] % tile["BLOCK_SIZE_N"] == 0 or
                 tile["BLOCK_SIZE_N"] % block_shape[0] == 0]
    tiles = [tile for tile in tiles if tile["GROUP_SIZE_M"] == VALUES[3][0]]
    usual = [tile for tile in tiles if tile["BLOCK_SIZE_M"] * tile["BLOCK_SIZE_N"] <= 128 * 128 and
             shared_bytes(tile, 1 if block_shape else 2) <= SHARED_LIMIT - 1024]
    other = [tile for tile in tiles if tile not in usual and tile["num_warps"] == 8]
    chosen = dice.sample(usual, count - count // 8) + dice.sample(other, count // 8)
    dice.shuffle(chosen)
    return [tile | {"GROUP_SIZE_M": group} for tile in chosen for group in dice.sample(VALUES[3], groups)]
