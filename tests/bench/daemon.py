"""moetuned as the benchmarks use it: started on a data folder, watched, ended."""

import os
import re
import signal
import subprocess
import time


class Daemon:
    """A running daemon on a free port. `seconds_to_listen`: from its start to its first line."""

    def __init__(self, binaries, folder):
        self.binaries = binaries
        self.log = folder / "moetuned.log"
        command = [binaries / "moetuned", "--data-dir", folder / "data", "--cache-dir", folder / "cache",
                   "--listen", "127.0.0.1:0", "--log-level", "warn"]
        begin = time.monotonic()
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        line = self.process.stdout.readline()
        self.seconds_to_listen = time.monotonic() - begin
        if not line.startswith("listening on "):
            self.process.wait()
            raise RuntimeError(f"moetuned did not start: {self.log.read_text()[-2000:]}")
        self.url = line.split()[-1]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end(signal.SIGTERM)

    def end(self, number):
        """Ends it by a signal, once; after SIGKILL the write-ahead log stays as it is."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        self.process.stdout.close()
        if self.process.wait() not in (0, -number):
            raise RuntimeError(f"moetuned ended with {self.process.returncode}: {self.log.read_text()[-2000:]}")

    def moetune(self, *arguments):
        """What the command line prints, pointed at this daemon."""
        return subprocess.run([self.binaries / "moetune", "--server", self.url, *arguments], check=True, text=True,
                              stdout=subprocess.PIPE).stdout

    def cpu_seconds(self):
        """Processor time so far, of its workers too once they have ended."""
        fields = open(f"/proc/{self.process.pid}/stat", encoding="ascii").read().rpartition(")")[2].split()
        return sum(int(fields[at]) for at in range(11, 15)) / os.sysconf("SC_CLK_TCK")

    def memory_mib(self):
        """(resident, its largest value so far)."""
        status = open(f"/proc/{self.process.pid}/status", encoding="ascii").read()
        return tuple(int(re.search(rf"{name}:\s+(\d+)", status)[1]) / 1024 for name in ("VmRSS", "VmHWM"))


def forget_cached(folder):
    """Drops what the kernel keeps in memory of a folder's files, as after a reboot."""
    for path in folder.rglob("*"):
        if path.is_file():
            descriptor = os.open(path, os.O_RDONLY)
            os.fsync(descriptor)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(descriptor)
