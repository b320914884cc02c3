"""The files of a checkout that the linters look at."""

import pathlib
import subprocess

LAYERS = {
    "schema": {"schema"},
    "db": {"db", "schema"},
    "kernels": {"kernels", "schema"},
    "daemon": {"daemon", "db", "kernels", "schema"},
    "cli": {"cli", "schema"},
}
CPP_SUFFIXES = {".cpp", ".hpp", ".cu", ".cuh"}
# Not under version control, should the tree have been copied without its history.
UNTRACKED = {".git", ".venv", "build"}


class Tree:
    """A checkout: its root and, relative to that, the paths of its files under version control."""

    def __init__(self, root):
        self.root = pathlib.Path(root).resolve()
        self.paths = [path for path in self._tracked() if (self.root / path).is_file()]

    def _tracked(self):
        # The owner of the checkout may be somebody else, as in a container: reading its list is harmless.
        listing = subprocess.run(
            ["git", "-c", "safe.directory=*", "-C", self.root, "ls-files", "-z"], capture_output=True, check=False)
        if listing.returncode == 0 and (self.root / ".git").exists():
            return sorted(pathlib.Path(name) for name in listing.stdout.decode().split("\0") if name)
        paths = (path.relative_to(self.root) for path in self.root.rglob("*"))
        return sorted(path for path in paths if path.parts[0] not in UNTRACKED and "__pycache__" not in path.parts)

    def cpp(self):
        return [path for path in self.paths if path.suffix in CPP_SUFFIXES]

    def text(self, path):
        """The file's text, or an empty one for what is not text (a compressed recording, a database)."""
        data = (self.root / path).read_bytes()
        return "" if b"\0" in data[:8192] else data.decode("utf-8", errors="replace")

    def lines(self, path):
        return enumerate(self.text(path).splitlines(), start=1)
