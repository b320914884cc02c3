#!/usr/bin/env python3
"""What the picks of sweeps lose against each other: for every two files, and each batch that both have measured, how much
slower the first one's fastest configuration is than the second one's, both as the second one measured them.

Usage: regret.py KERNEL ROWS.jsonl ROWS.jsonl...   (rows as `moetune trials --format jsonl` prints them, a sweep a file)
Where the second one has no row of a pick, the first one's own row counts; how often is told.
"""
import itertools
import json
import pathlib
import statistics
import sys


def latencies_of(path, kernel):
    """{batch: {configuration: microseconds}} of the rows of the kernel itself, not of its scan."""
    by_batch = {}
    for line in pathlib.Path(path).read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if row["kernel"] == kernel and row["status"] == "ok":
            by_batch.setdefault(row["batch"], {})[json.dumps(row["config"], sort_keys=True)] = row["latency_us"]
    return by_batch


def regrets_of(sweep, yardstick):
    """([(regret, batch)], picks that the yardstick has no row of)."""
    regrets, unknown = [], 0
    for batch in sorted(sweep.keys() & yardstick.keys()):
        pick = min(sweep[batch], key=sweep[batch].get)
        unknown += pick not in yardstick[batch]
        time = yardstick[batch].get(pick, sweep[batch][pick])
        regrets.append((time / min(yardstick[batch].values()) - 1, batch))
    return regrets, unknown


def main(kernel, *paths):
    sweeps = {pathlib.Path(path).stem: latencies_of(path, kernel) for path in paths}
    for (name, sweep), (other, yardstick) in itertools.permutations(sweeps.items(), 2):
        regrets, unknown = regrets_of(sweep, yardstick)
        if not regrets:
            continue
        worst, batch = max(regrets)
        rows = sum(map(len, sweep.values()))
        print(f"{name} against {other}: median {100 * statistics.median(r for r, _ in regrets):.2f} %, worst "
              f"{100 * worst:.2f} % at M={batch}, {len(regrets)} batches, {unknown} picks not measured there, {rows} rows")
    return 0


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
