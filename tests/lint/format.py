"""`format.py ROOT` fails when clang-format would change a file; `make format` changes them."""

import subprocess
import sys

from tree import Tree


def main(root):
    tree = Tree(root)
    files = tree.cpp()
    if not files:
        return 0
    return subprocess.run(["clang-format-19", "--dry-run", "-Werror", *files], cwd=tree.root, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
