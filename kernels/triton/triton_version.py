"""What is known about versions of Triton, by their version text."""

import re

OLDEST = (3, 3)
# Since these versions a kernel takes pointers of the launcher's own after its parameters.
_GLOBAL_SCRATCH = (3, 3)
_PROFILE_SCRATCH = (3, 4)


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
