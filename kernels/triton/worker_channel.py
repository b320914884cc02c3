"""A worker's end of the two pipes to its daemon, as kernels/worker_channel.hpp has it: requests come in on fd 0, replies
go out on what was fd 1, fd 2 is the log."""

import ctypes
import json
import os
import select
import signal
import threading

MAX_REQUEST = 4 << 20
_PR_SET_PDEATHSIG = 1


class ChannelError(Exception):
    """The other end says what no daemon says, or is gone."""


class WorkerChannel:
    """Taking it over points stdout at stderr, so that a library that prints cannot corrupt the protocol. The process
    ends when the daemon closes its end of fd 0 or dies, even in the middle of a job."""

    def __init__(self):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        self._out = os.dup(1)
        os.dup2(2, 1)
        self._received = b""
        threading.Thread(target=self._end_with_daemon, daemon=True).start()

    @staticmethod
    def _end_with_daemon():
        death = select.poll()
        death.register(0, 0)
        death.poll()
        os._exit(0)

    def receive(self):
        """The next request, or None at end of file. Raises ChannelError."""
        while b"\n" not in self._received:
            if len(self._received) > MAX_REQUEST:
                raise ChannelError("request is longer than 4 MiB")
            chunk = os.read(0, 1 << 16)
            if not chunk:
                return None
            self._received += chunk
        line, self._received = self._received.split(b"\n", 1)
        try:
            request = json.loads(line)
        except ValueError as error:
            raise ChannelError(f"request is not JSON: {error}") from None
        if not isinstance(request, dict):
            raise ChannelError("request is not an object")
        return request

    def send(self, reply):
        """Raises ChannelError."""
        line = json.dumps(reply, separators=(",", ":")).encode() + b"\n"
        try:
            while line:
                line = line[os.write(self._out, line):]
        except OSError as error:
            raise ChannelError(f"cannot write a reply: {error}") from None
