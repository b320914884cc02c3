#!/usr/bin/env python3
"""One line for each sweep that evidence.sh ran, from what `tune --json` printed, the wall time, and the daemon's log.

Usage: sweep_facts.py FOLDER [--seconds KERNEL PROBLEM]   (the last: only the wall time of a finished first sweep, if any)
FOLDER holds tune_KERNEL_PROBLEM_NUMBER.json, .seconds beside it, and daemon_KERNEL_PROBLEM.log.
"""
import json
import math
import pathlib
import re
import sys

DONE = re.compile(r"sweep (\d+) is done after ([\d.]+) s, (\d+) device\(s\) measured for ([\d.]+) s in all \((\d+) %\)")


def view_of(path):
    """The last JSON object of the output: warnings may come before it. None when there is none."""
    for line in reversed(path.read_text(errors="replace").splitlines()):
        try:
            view = json.loads(line)
        except ValueError:
            continue
        if isinstance(view, dict) and "trials" in view:
            return view
    return None


def facts_of(folder):
    """One dict for each sweep, in the order of their names."""
    for path in sorted(folder.glob("tune_*_*_?.json")):
        _, kernel, problem, number = path.stem.split("_")
        view = view_of(path)
        log = folder / f"daemon_{kernel}_{problem}.log"
        done = {found[1]: found for found in DONE.finditer(log.read_text(errors="replace"))} if log.is_file() else {}
        seconds = path.with_suffix(".seconds")
        facts = {"kernel": kernel, "problem": problem, "sweep": int(number), "state": "unfinished",
                 "wall_s": float(seconds.read_text()) if seconds.is_file() else None}
        if view:
            facts |= {"state": view["state"], "strategy": view.get("spec", {}).get("strategy"), "trials": view["trials"], "compiles": view["compiles"]}
            speedups = [row["speedup"] for row in (view.get("best") or {}).values() if row.get("speedup")]
            if speedups:
                facts |= {"batches": len(speedups), "speedup_over_default": math.prod(speedups) ** (1 / len(speedups))}
        if number in done:
            facts |= {"sweep_s": float(done[number][2]), "busy_s": float(done[number][4]), "busy_percent": int(done[number][5])}
        yield facts


def main(folder, *wanted):
    found = list(facts_of(pathlib.Path(folder)))
    if wanted:
        _, kernel, problem = wanted
        for facts in found:
            if (facts["kernel"], facts["problem"], facts["sweep"], facts["state"]) == (kernel, problem, 1, "done"):
                print(facts["wall_s"])
        return 0
    for facts in found:
        print(json.dumps(facts))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
