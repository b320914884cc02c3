"""What is known about versions of Triton, by their version text."""

import os
import re
import subprocess

OLDEST = (3, 3)
# Since these versions a kernel takes pointers of the launcher's own after its parameters.
_GLOBAL_SCRATCH = (3, 3)
_PROFILE_SCRATCH = (3, 5)


PTXAS_VARIABLES = ("TRITON_PTXAS_PATH", "TRITON_PTXAS_BLACKWELL_PATH")


def compiler_text(version):
    """How the compiler is called in keys and rows: "triton 3.6.0", and ", ptxas 13.0.88" with a ptxas of the user's,
    which has as much influence on the machine code."""
    names = [f"triton {version}"]
    for path in filter(None, map(os.environ.get, PTXAS_VARIABLES)):
        try:
            told = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout
        except OSError:
            continue  # Triton takes its own then
        found = re.search(r", V(\d[\d.]*)", told)
        names += [f"ptxas {found[1]}"] if found else []
    return ", ".join(names)


def number_of(version):
    """"3.6.0+git" -> (3, 6); () for what is no version."""
    return tuple(map(int, re.findall(r"\d+", version)[:2]))


def supported(version):
    return number_of(version) >= OLDEST


def oldest_text():
    return ".".join(map(str, OLDEST))


def scratch_parameters(version):
    """The pointers that a kernel takes after its own parameters."""
    number = number_of(version)
    names = ["global_scratch"] if number >= _GLOBAL_SCRATCH else []
    return names + (["profile_scratch"] if number >= _PROFILE_SCRATCH else [])
