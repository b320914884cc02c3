"""moetune's own grouped GEMM of a fused MoE step, the kernel `builtin`: what vLLM's and SGLang's kernels of this name
compute, with the same meaning of all parameters, for machines without an engine.

C[p, :] = weight[p] * (A[p // top_k, :] @ B[expert of p].T) for every token-expert pair p. The pairs are sorted by expert,
each expert's padded to a multiple of BLOCK_SIZE_M; padding holds num_valid_tokens or more. One program computes
BLOCK_SIZE_M pairs of one expert x BLOCK_SIZE_N columns. In the small-batch path every pair has a block of its own.
"""

import triton
import triton.language as tl


@triton.jit
def block_of_program(program, row_blocks, column_blocks, GROUP_SIZE_M):
    """Row and column block of a program: GROUP_SIZE_M row blocks go through the columns together, so that they find each
    other's weights in L2."""
    group_programs = GROUP_SIZE_M * column_blocks
    first_row = (program // group_programs) * GROUP_SIZE_M
    group_rows = tl.minimum(row_blocks - first_row, GROUP_SIZE_M)
    inside = program % group_programs
    return first_row + inside % group_rows, inside // group_rows


@triton.jit
def block_scale(scale_ptr, columns, stride, column_block, group_n: tl.constexpr, BLOCK_SIZE_N: tl.constexpr):
    """Scales of a tile's columns in one block of K: a single one where the tile lies within one quantisation block."""
    if group_n % BLOCK_SIZE_N == 0:
        scale = tl.load(scale_ptr + (column_block * BLOCK_SIZE_N // group_n) * stride)
    else:
        scale = tl.load(scale_ptr + (columns // group_n) * stride)[None, :]
    return scale


@triton.jit
def fused_moe_kernel(
    a_ptr,
    b_ptr,
    c_ptr,
    a_scale_ptr,
    b_scale_ptr,
    topk_weights_ptr,
    sorted_token_ids_ptr,
    expert_ids_ptr,
    num_tokens_post_padded_ptr,
    N,
    K,
    EM,
    num_valid_tokens,
    stride_am,
    stride_ak,
    stride_be,
    stride_bk,
    stride_bn,
    stride_cm,
    stride_cn,
    stride_asm,
    stride_ask,
    stride_bse,
    stride_bsk,
    stride_bsn,
    group_n: tl.constexpr,
    group_k: tl.constexpr,
    naive_block_assignment: tl.constexpr,
    BLOCK_SIZE_M: tl.constexpr,
    BLOCK_SIZE_N: tl.constexpr,
    BLOCK_SIZE_K: tl.constexpr,
    GROUP_SIZE_M: tl.constexpr,
    MUL_ROUTED_WEIGHT: tl.constexpr,
    top_k: tl.constexpr,
    compute_type: tl.constexpr,
    use_fp8_w8a8: tl.constexpr,
    use_int8_w8a16: tl.constexpr,
    per_channel_quant: tl.constexpr,
    even_Ks: tl.constexpr,
):
    row_block, column_block = block_of_program(
        tl.program_id(0), tl.cdiv(EM, BLOCK_SIZE_M), tl.cdiv(N, BLOCK_SIZE_N), GROUP_SIZE_M)
    if row_block * BLOCK_SIZE_M >= tl.load(num_tokens_post_padded_ptr):
        return

    # Offsets into A, B and C exceed 32 bits for large models and batches.
    lanes = tl.arange(0, BLOCK_SIZE_M)
    if naive_block_assignment:
        pairs = tl.where(lanes == 0, row_block, num_valid_tokens).to(tl.int64)
    else:
        pairs = tl.load(sorted_token_ids_ptr + row_block * BLOCK_SIZE_M + lanes).to(tl.int64)
    is_pair = pairs < num_valid_tokens
    columns = column_block * BLOCK_SIZE_N + tl.arange(0, BLOCK_SIZE_N)
    out_ptrs = c_ptr + pairs[:, None] * stride_cm + columns[None, :].to(tl.int64) * stride_cn
    out_mask = is_pair[:, None] & (columns[None, :] < N)

    expert = tl.load(expert_ids_ptr + row_block).to(tl.int64)
    if expert < 0:
        # An expert of another rank: its share of the sum is added there.
        tl.store(out_ptrs, tl.zeros((BLOCK_SIZE_M, BLOCK_SIZE_N), dtype=compute_type), mask=out_mask)
        return

    tokens = pairs // top_k
    inner = tl.arange(0, BLOCK_SIZE_K)
    # Columns past the end read others' weights and are not stored: cheaper than a mask in the loop.
    weight_columns = (columns % N).to(tl.int64)
    a_ptrs = a_ptr + tokens[:, None] * stride_am + inner[None, :] * stride_ak
    b_ptrs = b_ptr + expert * stride_be + weight_columns[None, :] * stride_bn + inner[:, None] * stride_bk
    in_blocks: tl.constexpr = use_fp8_w8a8 and group_n > 0 and group_k > 0
    a_scale_row = a_scale_ptr
    b_scale_expert = b_scale_ptr
    if in_blocks:
        a_scale_row = a_scale_ptr + tokens * stride_asm
        b_scale_expert = b_scale_ptr + expert * stride_bse

    total = tl.zeros((BLOCK_SIZE_M, BLOCK_SIZE_N), dtype=tl.float32)
    for start in range(0, K, BLOCK_SIZE_K):
        if even_Ks:
            a = tl.load(a_ptrs, mask=is_pair[:, None], other=0.0)
            b = tl.load(b_ptrs)
        else:
            a = tl.load(a_ptrs, mask=is_pair[:, None] & (inner[None, :] < K - start), other=0.0)
            b = tl.load(b_ptrs, mask=inner[:, None] < K - start, other=0.0)
        if in_blocks:
            block = start // group_k
            a_scale = tl.load(a_scale_row + block * stride_ask, mask=is_pair, other=0.0)
            b_scale = block_scale(b_scale_expert + block * stride_bsk, weight_columns, stride_bsn, column_block, group_n,
                                  BLOCK_SIZE_N)
            total += tl.dot(a, b) * (a_scale[:, None] * b_scale)
        elif use_int8_w8a16:
            total = tl.dot(a, b.to(compute_type), acc=total)
        else:
            total = tl.dot(a, b, acc=total)
        a_ptrs += BLOCK_SIZE_K * stride_ak
        b_ptrs += BLOCK_SIZE_K * stride_bk

    # What is the same along K is applied once, in 32 bits, before the result is rounded.
    if use_int8_w8a16 or (use_fp8_w8a8 and per_channel_quant and not in_blocks):
        total *= tl.load(b_scale_ptr + expert * stride_bse + weight_columns * stride_bsn)[None, :]
        if use_fp8_w8a8:
            total *= tl.load(a_scale_ptr + tokens * stride_asm, mask=is_pair, other=0.0)[:, None]
    elif use_fp8_w8a8 and not in_blocks:
        total *= tl.load(a_scale_ptr) * tl.load(b_scale_ptr + expert)
    if MUL_ROUTED_WEIGHT:
        total *= tl.load(topk_weights_ptr + pairs, mask=is_pair, other=0.0)[:, None]
    tl.store(out_ptrs, total.to(compute_type), mask=out_mask)
