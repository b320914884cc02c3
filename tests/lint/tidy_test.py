"""The verdict on a file is remembered until something that it depends on changes."""

import pathlib
import tempfile
import unittest

from tidy import Checker, Source, flags_of


class TidyTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        self.write("db/store.cpp", '#include "db/store.hpp"\n')
        self.write("db/store.hpp", '#include "schema/error.hpp"\n')
        self.write("schema/error.hpp", "int a;\n")
        self.write("schema/other.hpp", "int b;\n")

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def findings(self, **texts):
        """Names of the sources that have findings."""
        self.write(".clang-tidy", "Checks: '-*,clang-diagnostic-*,readability-identifier-naming'\nWarningsAsErrors: '*'\n"
                   "HeaderFilterRegex: '/db/'\nCheckOptions:\n  readability-identifier-naming.FunctionCase: lower_case\n")
        sources = []
        for name, text in texts.items():
            self.write(f"db/{name}.cpp", text)
            path = str(self.root / f"db/{name}.cpp")
            sources.append(Source(self.root, {"file": path, "command": f"c++ -std=c++23 -o x.o -c {path}"}))
        checked = dict(Checker(self.root, self.root / "lint", 2).check(sources))
        self.assertEqual(set(sources), set(checked))
        return [source.path.stem for source, findings in checked.items() if findings is not None]

    def key(self, version=b"19", flags=""):
        source = self.root / "db/store.cpp"
        command = f"/usr/bin/c++ -I{self.root} {flags} -o store.o -c {source}"
        return Source(self.root, {"file": str(source), "command": command}).key(version)

    def test_a_finding_is_one_of_its_file_alone(self):
        self.assertEqual(["bad"], self.findings(good="int fine() { return 1; }\n", bad="int Wrong() { return 2; }\n"))

    def test_sources_that_cannot_share_a_batch_are_read_one_by_one(self):
        self.assertEqual([], self.findings(one="static int f() { return 1; }\nint g() { return f(); }\n",
                                           two="static int f() { return 2; }\nint h() { return f(); }\n"))

    def test_the_key_follows_headers_flags_and_the_tool(self):
        before = self.key()
        self.assertEqual(before, self.key())
        self.assertNotEqual(before, self.key(version=b"20"))
        self.assertNotEqual(before, self.key(flags="-DX"))
        self.write("schema/error.hpp", "long a;\n")
        self.assertNotEqual(before, self.key())

    def test_the_key_follows_the_settings_above_the_file_alone(self):
        before = self.key()
        self.write("tests/.clang-tidy", "Checks: '*'\n")
        self.assertEqual(before, self.key())
        self.write(".clang-tidy", "Checks: '*'\n")
        self.assertNotEqual(before, self.key())

    def test_the_key_does_not_follow_a_header_that_is_not_reached(self):
        before = self.key()
        self.write("schema/other.hpp", "long b;\n")
        self.assertEqual(before, self.key())

    def test_precompiled_headers_and_outputs_are_no_flags(self):
        command = "c++ -DA -Winvalid-pch -include b/cmake_pch.hxx -g1 -O2 -std=c++23 -o a.o -c a.cpp"
        self.assertEqual(["-DA", "-std=c++23"], [flag for flag in flags_of(command) if not flag.startswith("-W")])


if __name__ == "__main__":
    unittest.main()
