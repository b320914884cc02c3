"""Plants one breach of each rule in a small tree and sees that the rule finds it, and nothing else."""

import pathlib
import tempfile
import unittest

import rules
from tree import Tree


class RulesTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        self.write("db/store.cpp", '#include "db/store.hpp"\n\nusing schema::fail;\nauto f() { return fail(); }\n')
        self.write("db/store.hpp", '#pragma once\n\n#include "schema/error.hpp"\n')
        self.write("db/CMakeLists.txt", "moetune_library(moetune_db\n  store.cpp\n)\n")
        self.write("scripts/hello.sh", "#!/usr/bin/env bash\necho hello\n")

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def found(self, rule):
        return [f"{path}:{number}" for path, number, _ in rules.RULES[rule](Tree(self.root))]

    def test_a_clean_tree_breaks_no_rule(self):
        for rule in rules.RULES:
            self.assertEqual([], self.found(rule), rule)

    def test_an_include_against_the_arrows_is_found(self):
        self.write("db/store.hpp", '#pragma once\n#include "daemon/server.hpp"\n')
        self.assertEqual(["db/store.hpp:2"], self.found("layers"))

    def test_a_test_sees_only_what_its_folder_sees(self):
        self.write("tests/cli/client_test.cpp", '#include "cli/client.hpp"\n#include "db/store.hpp"\n')
        self.assertEqual(["tests/cli/client_test.cpp:2"], self.found("layers"))

    def test_a_third_party_header_that_reaches_other_headers_is_found(self):
        self.write("db/store.hpp", "#pragma once\n#include <string>\n#include <SQLiteCpp/Database.h>\n")
        self.assertEqual([], self.found("headers"))
        self.write("db/reader.hpp", '#pragma once\n#include "db/store.hpp"\n')
        self.assertEqual(["db/store.hpp:3"], self.found("headers"))

    def test_a_header_without_its_guard_is_found(self):
        self.write("db/store.hpp", "#include <string>\n")
        self.assertEqual(["db/store.hpp:1"], self.found("headers"))

    def test_a_file_of_more_lines_than_allowed_is_found(self):
        self.write("db/store.cpp", "\n" * rules.MAX_LINES)
        self.assertEqual([], self.found("length"))
        self.write("db/store.cpp", "\n" * (rules.MAX_LINES + 1))
        self.assertEqual([f"db/store.cpp:{rules.MAX_LINES + 1}"], self.found("length"))

    def test_marks_and_paths_of_a_machine_are_found(self):
        self.write("docs/notes.md", "fine: ~/x, https://example.org/home/x\n// TO" "DO later\ncd /ho" "me/me/x\n")
        self.assertEqual(["docs/notes.md:2", "docs/notes.md:3"], self.found("marks"))

    def test_a_using_declaration_without_a_use_is_found(self):
        self.write("db/store.cpp", "using schema::fail;\nauto f() { return schema::fail(); }\n")
        self.assertEqual(["db/store.cpp:1"], self.found("usings"))

    def test_a_source_that_cmake_does_not_name_is_found(self):
        self.write("db/restore.cpp", "\n")
        self.assertEqual(["db/restore.cpp:1"], self.found("listed"))

    def test_a_script_that_does_not_parse_is_found(self):
        self.write("scripts/hello.sh", "#!/usr/bin/env bash\nif\n")
        self.assertEqual(["scripts/hello.sh:1"], self.found("shell"))

    def test_compressed_files_are_not_read_as_text(self):
        (self.root / "recording.zst").write_bytes(b"\x28\xb5\x2f\xfd\0 TO" b"DO\n")
        self.assertEqual([], self.found("marks"))


if __name__ == "__main__":
    unittest.main()
