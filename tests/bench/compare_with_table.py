"""Holds a sweep's rows against a table of the same problem that was measured some other way: `compare_with_table.py
ROWS.jsonl[.zst|.gz] TABLE.csv [--kernel vllm]`.

The table has a header with batch, the six fields of a tile, status and a column of microseconds (--column). For each batch:
the table's best tile and time, our time of that tile, our best tile and time, and
- same: our time of the table's best tile / the table's time of it: do the two measure the same?
- best: our best time / the table's best time;
- regret: our time of the table's best tile / our best time: what the other's choice would cost.
"""

import argparse
import csv
import gzip
import json
import pathlib
import statistics
import subprocess
import sys

FIELDS = ("BLOCK_SIZE_M", "BLOCK_SIZE_N", "BLOCK_SIZE_K", "GROUP_SIZE_M", "num_warps", "num_stages")


def read_table(path, column):
    """{batch: {tile: microseconds}} of what ran. Raises KeyError naming a column that is missing."""
    table = {}
    with open(path, encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["status"] == "ok":
                tile = tuple(int(row[name]) for name in FIELDS)
                table.setdefault(int(row["batch"]), {})[tile] = float(row[column])
    return table


def lines_of(path):
    if path.suffix == ".zst":
        return subprocess.run(["zstd", "-dcq", path], check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else open(path, encoding="utf-8") as file:
        return file.read().splitlines()


def read_rows(lines, kernel=None):
    """{batch: {effective tile: microseconds}} of trial rows in JSON; the median where a tile was measured more than once.
    `kernel` limits it to the rows of one; without it rows of several are an error, since a scan's are hot and quick."""
    samples, kernels = {}, set()
    for line in lines:
        row = json.loads(line)
        if row["status"] != "ok" or (kernel and row["kernel"] != kernel):
            continue
        kernels.add(row["kernel"])
        if len(kernels) > 1:
            raise ValueError(f"the rows are of several kernels ({', '.join(sorted(kernels))}): choose one with --kernel")
        tile = [row["config"][name] for name in FIELDS]
        if row.get("block_shape"):
            tile[2] = min(tile[2], *row["block_shape"])
        samples.setdefault(row["batch"], {}).setdefault(tuple(tile), []).append(row["latency_us"])
    return {batch: {tile: statistics.median(times) for tile, times in tiles.items()} for batch, tiles in samples.items()}


def compare(table, rows):
    """One dict for each batch that both have."""
    for batch in sorted(table.keys() & rows.keys()):
        theirs, ours = table[batch], rows[batch]
        their_best, our_best = min(theirs, key=theirs.get), min(ours, key=ours.get)
        same = ours.get(their_best)
        both = theirs.keys() & ours.keys()
        yield {"batch": batch, "table_tile": their_best, "table_us": theirs[their_best], "same_tile_us": same,
               "our_tile": our_best, "our_us": ours[our_best], "best": ours[our_best] / theirs[their_best],
               "same": same / theirs[their_best] if same else None, "regret": same / ours[our_best] if same else None,
               "tiles": len(both), "all": statistics.median(ours[tile] / theirs[tile] for tile in both) if both else None}


def text_of(number, width, digits):
    return f"{number:{width}.{digits}f}" if number is not None else f"{'-':>{width}}"


def print_comparison(compared):
    print(f"{'M':>5}  {'table: best tile':26} {'us':>9} {'ours':>9} {'same':>6}  {'ours: best tile':26} {'us':>9} {'best':>6} "
          f"{'regret':>6} {'tiles':>5} {'all':>6}")
    for row in compared:
        print(f"{row['batch']:5}  {' '.join(map(str, row['table_tile'])):26} {row['table_us']:9.2f} "
              f"{text_of(row['same_tile_us'], 9, 2)} {text_of(row['same'], 6, 3)}  {' '.join(map(str, row['our_tile'])):26} "
              f"{row['our_us']:9.2f} {row['best']:6.3f} {text_of(row['regret'], 6, 3)} {row['tiles']:5} "
              f"{text_of(row['all'], 6, 3)}")
    for name, told in (("same", "our time / the table's, of the table's best tiles"), ("best", "our best / the table's best"),
                       ("regret", "the table's choice in our measurement / our best"),
                       ("all", "our time / the table's, of all tiles that both have")):
        numbers = [row[name] for row in compared if row[name] is not None]
        if numbers:
            print(f"{told}: median {statistics.median(numbers):.4f}, from {min(numbers):.4f} to {max(numbers):.4f}")
    print(f"the same best tile in {sum(row['table_tile'] == row['our_tile'] for row in compared)} of {len(compared)} batches")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", type=pathlib.Path)
    parser.add_argument("table", type=pathlib.Path)
    parser.add_argument("--kernel", help="only rows of this kernel")
    parser.add_argument("--column", default="cold_l2_us_median")
    arguments = parser.parse_args()
    compared = list(compare(read_table(arguments.table, arguments.column),
                            read_rows(lines_of(arguments.rows), arguments.kernel)))
    if not compared:
        print("the rows and the table have no batch in common", file=sys.stderr)
        return 1
    print_comparison(compared)
    return 0


if __name__ == "__main__":
    sys.exit(main())
