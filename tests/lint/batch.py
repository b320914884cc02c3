"""Sources that clang-tidy reads as one translation unit: most of its time goes into the headers that they share."""

import re

SIZE = 12
DEFINED = re.compile(
    r"(?!using (?!\w+ =)|namespace|return)(?:[A-Za-z_][^;=(){}]*?[\s&*>])?(?<!::)\b(\w+)(?: [{:]| = |[({\[;])")


def local_names(text):
    """What a source defines for itself alone, in its unnamed namespaces: two sources of a batch must not share a name.
    A reader of lines is enough, because clang-format has put each definition at the start of one; what it misses makes
    the batch fail to compile, and its sources are then read one by one."""
    names, unnamed = set(), False
    for line in text.splitlines():
        if line.startswith(("namespace {", "}  // namespace")):
            unnamed = line.startswith("namespace {")
        elif line.startswith("int main("):
            names.add("main")
        elif unnamed and (line[:1].isalpha() or line[:1] == "_"):
            defined = DEFINED.match(line)
            if defined and not defined[1].isupper() and not defined[1].startswith("TEST_"):
                names.add(defined[1])
    return names


class Batch:
    """Sources with the same flags and the same settings, no two of which define the same name for themselves."""

    def __init__(self):
        self.sources = []
        self._names = set()

    def take(self, source, names):
        """Takes the source in, or returns False when there is no room for it."""
        if len(self.sources) == SIZE or self._names & names:
            return False
        self.sources.append(source)
        self._names |= names
        return True

    def text(self):
        return "".join(f'#include "{source.path}"\n' for source in self.sources)


def batches_of(sources):
    """Packs the sources, each into the first batch that has room for it."""
    kinds = {}
    for source in sources:
        batches = kinds.setdefault((source.settings(), *source.flags), [])
        names = local_names(source.path.read_text(encoding="utf-8"))
        if not any(batch.take(source, names) for batch in batches):
            batches.append(Batch())
            batches[-1].take(source, names)
    return sorted((batch for batches in kinds.values() for batch in batches), key=lambda batch: -len(batch.sources))
