"""What a compiler prints while it works. MLIR prints whole modules when it fails: tens of kilobytes, too much for a
pipe that may not be read in time and for a row."""

import contextlib
import os
import re

LOG_TAIL = 4096  # bytes that a row keeps, as in kernels/log_tail.hpp
_READ = 1 << 20
_LINE = 400
_TELLING = re.compile(r"error:|note:|fatal|Assertion|LLVM ERROR|PLEASE submit a bug report")


class CompilerLog:
    """Sends fd 2 to the file `path` while it is entered. Should the process die meanwhile, the file is what is left."""

    def __init__(self, path):
        self._path = path
        self._before = None

    def __enter__(self):
        file = os.open(self._path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_APPEND, 0o600)
        self._before = os.dup(2)
        os.dup2(file, 2)
        os.close(file)
        return self

    def __exit__(self, *_):
        os.dup2(self._before, 2)
        os.close(self._before)

    def text(self):
        """The end of what was printed, at most a mebibyte."""
        with open(self._path, "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - _READ))
            return file.read().decode("utf-8", "replace")

    def remove(self):
        with contextlib.suppress(OSError):
            os.unlink(self._path)


def log_tail(log, reason):
    """What a row keeps of a failure: the lines that tell what went wrong, then `reason`. At most LOG_TAIL bytes, without
    control characters."""
    telling = dict.fromkeys(line.strip()[:_LINE] for line in log.splitlines() if _TELLING.search(line[:_LINE]))
    # A reason that is longer than the room (a log of ptxas) tells more at its end.
    reason = _end_of(reason.strip(), LOG_TAIL)
    kept, room = [], LOG_TAIL - len(reason.encode())
    for line in telling or log.strip().splitlines()[-5:]:
        room -= len(line.encode()) + 1
        if room < 0:
            break
        kept.append(line)
    return re.sub(r"[\x00-\x08\x0b-\x1f\x7f]", "?", "\n".join([*kept, reason]))


def _end_of(text, size):
    return text.encode()[-size:].decode("utf-8", "ignore")
