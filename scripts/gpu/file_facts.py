"""One line for each file that `moetune --json compare FILE...` (stdin) judged: against the default, or, of the files
after the first one with --versus-first, against that one. Exit status 1 where the first of them is slower anywhere, or
the comparison was not done.
Usage: moetune --json compare FILE... | python3 file_facts.py [--versus-first]"""

import json
import os
import sys


def line_of(file, versus):
    verdict = file[versus]
    counts = [f"{verdict[name]} {name}" for name in ("faster", "same", "identical", "unclear", "slower") if verdict[name]]
    facts = [", ".join(counts) or "nothing compared"]
    if verdict["worst_speedup"]:
        facts.append(f"at worst {100 * (1 / verdict['worst_speedup'] - 1):+.2f} % of time at M={verdict['worst_batch']}")
    if verdict["slower_at"]:
        facts.append(f"slower at M={','.join(map(str, verdict['slower_at']))}")
    return f"{os.path.basename(file['path'])}: {'; '.join(facts)}"


def main(versus):
    comparison = json.load(sys.stdin)
    files = comparison["files"][1:] if versus == "versus_first" else comparison["files"]
    if comparison["state"] != "done":
        print(f"the comparison is {comparison['state']}")
    for file in files:
        print(line_of(file, versus))
    return 0 if comparison["state"] == "done" and files and not files[0][versus]["slower_at"] else 1


if __name__ == "__main__":
    sys.exit(main("versus_first" if "--versus-first" in sys.argv[1:] else "versus_default"))
