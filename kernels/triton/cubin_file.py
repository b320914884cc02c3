"""The parameters of the kernel in a cubin, as its ELF section .nv.info.NAME has them."""

import struct

_PARAMETER = b"\x04\x17\x0c\x00"  # EIFMT_SVAL, EIATTR_KPARAM_INFO, 12 bytes


def parameters_of(cubin, kernel):
    """[(offset, size)] in bytes, in order."""
    info = section(cubin, f".nv.info.{kernel}")
    found = {}
    at = info.find(_PARAMETER)
    while at >= 0:
        _, ordinal, offset, flags = struct.unpack_from("<IHHI", info, at + 4)
        found[ordinal] = (offset, flags >> 18)
        at = info.find(_PARAMETER, at + 4 + 12)
    return [found[ordinal] for ordinal in sorted(found)]


def section(elf, name):
    """Contents of a section of a 64-bit little-endian ELF file."""
    table, = struct.unpack_from("<Q", elf, 0x28)
    entry, count, names = struct.unpack_from("<HHH", elf, 0x3A)

    def header(number):
        at = table + number * entry
        name_at, = struct.unpack_from("<I", elf, at)
        start, size = struct.unpack_from("<QQ", elf, at + 0x18)
        return name_at, start, size

    _, text, _ = header(names)
    for number in range(count):
        name_at, start, size = header(number)
        if elf[text + name_at:elf.index(b"\0", text + name_at)] == name.encode():
            return elf[start:start + size]
    raise LookupError(f"the cubin has no section {name}")
