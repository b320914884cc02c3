"""What a comparison of launches comes to: a table, a verdict, files."""

import csv
import json
import statistics

# What can become of a pair. Only the first three are comparisons of results.
EQUAL, DIFFERENT, NOT_WRITTEN = "equal", "different", "not_written"
REFUSED_BY_BOTH, DISAGREEMENT, NOT_REACHED = "refused_by_both", "disagreement", "not_reached"
ARGUMENTS_EQUAL, ARGUMENTS_DIFFERENT = "arguments_equal", "arguments_different"
TIME_BOUND = 0.01
MOST_SHORTFALLS = 40
BAD = (DIFFERENT, NOT_WRITTEN, DISAGREEMENT, ARGUMENTS_DIFFERENT)

COLUMNS = ("kernel", "problem", "batch", "gemm", "group", "config", "status", "triton_us", "moetune_us", "ratio", "launches",
           "same_code", "reason")


def percentile(values, share):
    """By linear interpolation; `values` not empty."""
    ordered = sorted(values)
    at = share * (len(ordered) - 1)
    low = int(at)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (at - low)


def summary(rows):
    """Counts by status and the spread of the time ratios moetune / Triton."""
    counts = {}
    for row in rows:
        counts[row["status"]] = counts.get(row["status"], 0) + 1
    ratios = [row["ratio"] for row in rows if row.get("ratio")]
    result = {"pairs": len(rows), "counts": counts, "configurations": len({json.dumps(row["config"]) for row in rows}),
              "same_code": sum(row.get("same_code") is True for row in rows),
              "code_known": sum(row.get("same_code") is not None for row in rows)}
    if ratios:
        worst = max(ratios, key=lambda ratio: abs(ratio - 1))
        result["ratio"] = {"count": len(ratios), "median": statistics.median(ratios), "p5": percentile(ratios, 0.05),
                           "p95": percentile(ratios, 0.95), "worst": worst,
                           "within_1_percent": sum(abs(ratio - 1) <= 0.01 for ratio in ratios)}
    return result


def shortfalls(rows, configurations):
    """What keeps the claim from being shown: bad pairs, and cells (kernel, problem, M, GEMM) in which fewer than
    `configurations` were equal in result and, where they were timed, within 1 % in time."""
    found = [f"{row['kernel']} {row['problem']} M={row['batch']} {row['gemm']} {row['config']}: {row['status']}"
             for row in rows if row["status"] in BAD]
    shown = {}
    for row in rows:
        cell = shown.setdefault((row["kernel"], row["problem"], row["batch"], row["gemm"]), set())
        in_time = row.get("ratio") is None or abs(row["ratio"] - 1) <= TIME_BOUND
        if row["status"] in (EQUAL, ARGUMENTS_EQUAL) and in_time:
            cell.add(json.dumps(row["config"]))
    for (kernel, problem, batch, gemm), configs in shown.items():
        if len(configs) < configurations:
            found.append(f"{kernel} {problem} M={batch} {gemm}: {len(configs)} configurations are equal and within "
                         f"{TIME_BOUND:.0%}, {configurations} are wanted")
    return found if rows else ["nothing was compared"]


def lines(rows, configurations):
    """The table by kernel, problem, batch, GEMM and kind of GROUP_SIZE_M, and the verdict."""
    cells = {}
    for row in rows:
        cells.setdefault((row["kernel"], row["problem"], row["batch"], row["gemm"], row["group"]), []).append(row)
    yield (f"{'kernel':8} {'problem':7} {'M':>5} {'GEMM':4} {'group':8} {'pairs':>5} {'equal':>5} {'bad':>4} {'median':>8} "
           f"{'worst':>8}")
    for key, members in cells.items():
        ratio = summary(members).get("ratio")
        times = f"{ratio['median']:8.4f} {ratio['worst']:8.4f}" if ratio else f"{'-':>8} {'-':>8}"
        equal = sum(row["status"] in (EQUAL, ARGUMENTS_EQUAL) for row in members)
        bad = sum(row["status"] in BAD for row in members)
        yield f"{key[0]:8} {key[1]:7} {key[2]:5} {key[3]:4} {key[4]:8} {len(members):5} {equal:5} {bad:4} {times}"
    total = summary(rows)
    yield f"{total['pairs']} pairs of {total['configurations']} configurations: " + ", ".join(
        f"{count} {status}" for status, count in sorted(total["counts"].items()))
    yield f"machine code the same as the JIT's: {total['same_code']} of {total['code_known']}"
    if "ratio" in total:
        ratio = total["ratio"]
        yield (f"time of moetune's launch over Triton's: median {ratio['median']:.4f}, 5th percentile {ratio['p5']:.4f}, 95th "
               f"{ratio['p95']:.4f}, worst {ratio['worst']:.4f}; within 1 %: {ratio['within_1_percent']} of {ratio['count']}")
    found = shortfalls(rows, configurations)
    yield from found[:MOST_SHORTFALLS]
    yield "verdict: " + (f"not shown, {len(found)} shortfalls" if found else "no difference")


def write(rows, folder):
    """equality.csv and equality.json in `folder`."""
    with open(folder / "equality.csv", "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        for row in rows:
            writer.writerow(row | {"config": " ".join(map(str, row["config"].values()))})
    with open(folder / "equality.json", "w", encoding="utf-8") as file:
        json.dump({"summary": summary(rows)}, file, indent=1)
