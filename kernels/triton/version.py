"""moetune's version, which a daemon compares with its own; the same as in the top CMakeLists.txt."""

VERSION = "0.1.0"
