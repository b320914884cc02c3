"""Rules of the project that no general linter knows. `rules.py ROOT RULE` prints each breach as FILE:LINE: what and
what instead, and exits with 1 if there is one."""

import re
import subprocess
import sys

from tree import CPP_SUFFIXES, LAYERS, Tree

MAX_LINES = 400
LONGER_FILES = frozenset()  # a file that must be longer is named here, with the reason
LONG_SUFFIXES = CPP_SUFFIXES | {".cmake", ".py", ".sh", ".sql"}

INCLUDE = re.compile(r'\s*#\s*include\s*([<"])([^>"]+)[>"]')
PRIVATE_HEADERS = re.compile(r"httplib\.h|SQLiteCpp/|sqlite3\.h|nvrtc\.h|nvml\.h|cuda")
USING = re.compile(r"^\s*using (?:[A-Za-z_]\w*::)+(\w+);")
# Spelt so that this file does not break its own rules.
MARK = re.compile(r"\b(?:TO" r"DO|FIX" r"ME|XX" r"X)\b")
MACHINE_PATH = re.compile(r"(?<![\w.}])/(?:home|root|work|Users|mnt)" r"/\w")


def layers(tree):
    """schema <- db, kernels <- daemon; cli is a client of schema alone. Tests of a folder see what the folder sees."""
    for path in tree.cpp():
        folder = path.parts[1] if path.parts[0] == "tests" else path.parts[0]
        if folder not in LAYERS:
            continue
        for number, line in tree.lines(path):
            included = INCLUDE.match(line)
            target = included and included[2].split("/")[0]
            if target in LAYERS and target not in LAYERS[folder]:
                yield path, number, f"{folder}/ must not include {included[2]}: it uses {', '.join(sorted(LAYERS[folder]))}"


def headers(tree):
    """Headers start with #pragma once and keep large third-party headers out of sight: only a header that .cpp files
    alone include may show one."""
    included_by_headers = set()
    for path in tree.cpp():
        if path.suffix == ".hpp":
            included_by_headers |= {found[2] for _, line in tree.lines(path) if (found := INCLUDE.match(line))}
    for path in tree.cpp():
        if path.suffix != ".hpp":
            continue
        if "#pragma once\n" not in tree.text(path):
            yield path, 1, "a header needs #pragma once"
        for number, line in tree.lines(path):
            included = INCLUDE.match(line)
            if included and PRIVATE_HEADERS.match(included[2]) and included[1] == "<" and (
                    path.as_posix() in included_by_headers):
                yield path, number, f"<{included[2]}> reaches other headers: hide it behind a pointer to an Impl"


def length(tree):
    for path in tree.paths:
        if path.suffix in LONG_SUFFIXES and str(path) not in LONGER_FILES:
            lines = len(tree.text(path).splitlines())
            if lines > MAX_LINES:
                yield path, lines, f"{lines} lines, {MAX_LINES} are allowed: one noun per file"


def marks(tree):
    """Nothing is left for later in the source, and nothing names a folder of somebody's machine."""
    for path in tree.paths:
        for number, line in tree.lines(path):
            if MARK.search(line):
                yield path, number, "do it now, or open an issue and leave the mark out"
            if MACHINE_PATH.search(line):
                yield path, number, "a path of one machine: take it from a variable or an option"


def usings(tree):
    """A using-declaration in a source file names something that the file uses."""
    for path in tree.cpp():
        if path.suffix != ".cpp":
            continue
        text = tree.text(path)
        for number, line in tree.lines(path):
            name = USING.match(line)
            if name and len(re.findall(rf"(?<!::)\b{name[1]}\b", text)) - text.count(f"using {name[1]} ") < 1:
                yield path, number, f"{name[1]} is never used without its namespace"


def listed(tree):
    """Every source of a folder is named in the folder's CMakeLists.txt, so that none is left out of the build."""
    for path in tree.paths:
        if path.suffix == ".cpp" and (path.parts[0] in LAYERS or path.parts[0] == "tests"):
            folder = path.parent
            while not (tree.root / folder / "CMakeLists.txt").is_file():
                folder = folder.parent
            name = path.relative_to(folder).as_posix()
            if not re.search(rf"(?<![\w/.]){re.escape(name)}(?![\w.])", tree.text(folder / "CMakeLists.txt")):
                yield path, 1, f"{folder}/CMakeLists.txt does not name {name}"


def shell(tree):
    """Shell scripts parse and please shellcheck."""
    for path in tree.paths:
        if not re.match(r"#!.*\b(?:ba)?sh\b", tree.text(path)[:80]):
            continue
        for command in (["bash", "-n"], ["shellcheck", "-x", "--format=gcc"]):
            checked = subprocess.run([*command, path], cwd=tree.root, capture_output=True, text=True, check=False)
            if checked.returncode:
                yield path, 1, (checked.stdout + checked.stderr).strip()
                break


RULES = {rule.__name__: rule for rule in (layers, headers, length, marks, usings, listed, shell)}


def main(root, rule):
    breaches = list(RULES[rule](Tree(root)))
    for path, number, message in breaches:
        print(f"{path}:{number}: {message}")
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
