#include "schema/lint/code.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>

namespace moetune::schema::lint {
namespace {

TEST(CodeTest, EveryCodeHasANameOfItsOwn) {
  std::set<std::string_view> names;
  for (const CodeFacts& facts : all_codes()) {
    EXPECT_TRUE(names.insert(facts.name).second) << facts.name;
    EXPECT_EQ(&facts_of(facts.code), &facts);
    EXPECT_TRUE(facts.meaning.ends_with('.')) << facts.name;
  }
  EXPECT_EQ(names.size(), static_cast<std::size_t>(Code::default_row) + 1);
}

TEST(CodeTest, SeveritiesHaveNames) {
  for (const Severity severity : {Severity::note, Severity::warning, Severity::error}) {
    EXPECT_EQ(severity_from_name(name_of(severity)), severity);
  }
  EXPECT_EQ(severity_from_name("fatal"), std::nullopt);
}

TEST(CodeTest, TheDocumentationHasTheTable) {
  std::ifstream file(MOETUNE_LINT_DOC);
  std::ostringstream text;
  text << file.rdbuf();
  std::string table = "| code | severity | meaning |\n|---|---|---|\n";
  for (const CodeFacts& facts : all_codes()) {
    table += fmt::format("| `{}` | {} | {} |\n", facts.name, name_of(facts.severity), facts.meaning);
  }
  EXPECT_NE(text.str().find(table), std::string::npos) << "docs/lint.md must hold this table:\n" << table;
}

}  // namespace
}  // namespace moetune::schema::lint
