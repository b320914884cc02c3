"""Sources share a batch as long as none defines for itself what another one does."""

import pathlib
import tempfile
import unittest

from batch import SIZE, batches_of, local_names


class FakeSource:
    def __init__(self, path, flags=()):
        self.path = path
        self.flags = flags

    def settings(self):
        return ()


class BatchTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)

    def source(self, name, text="", flags=()):
        path = self.root / name
        path.write_text(text, encoding="utf-8")
        return FakeSource(path, flags)

    def sizes(self, *sources):
        return [len(batch.sources) for batch in batches_of(sources)]

    def test_only_names_of_unnamed_namespaces_and_main_are_local(self):
        self.assertEqual(
            {"k_limit", "Row", "read_row", "with", "main"},
            local_names("namespace db {\nnamespace {\n\nconstexpr int k_limit = 3;\n\nstruct Row {\n  int inner = 0;\n};\n"
                        "using schema::fail;\nResult<Row> read_row(int a) {\n  return a;\n}\n"
                        "template <typename T>\nT with(T a) {\n}\nTEST_F(RowTest, Reads) {\n}\n}  // namespace\n\n"
                        "Store::Store(int a) {\n}\nvoid open() {\n}\n}  // namespace db\nint main() {\n}\n"))

    def test_a_batch_holds_no_name_twice(self):
        text = "namespace {\nint helper() {\n}\n}  // namespace\n"
        self.assertEqual([2, 1], self.sizes(self.source("a.cpp", text), self.source("b.cpp", text), self.source("c.cpp")))

    def test_a_batch_has_one_set_of_flags(self):
        self.assertEqual([1, 1], self.sizes(self.source("a.cpp"), self.source("b.cpp", flags=("-DX",))))

    def test_a_batch_has_a_limit(self):
        self.assertEqual([SIZE, 1], self.sizes(*(self.source(f"{number}.cpp") for number in range(SIZE + 1))))


if __name__ == "__main__":
    unittest.main()
