#include "schema/timestamp.hpp"

#include <gtest/gtest.h>

namespace moetune::schema {
namespace {

TEST(TimestampTest, WritesIso8601) {
  EXPECT_EQ(to_text({0}), "1970-01-01T00:00:00Z");
  EXPECT_EQ(to_text({1'795'169'700'000}), "2026-11-20T10:15:00Z");
  EXPECT_EQ(to_text({1'795'169'700'007}), "2026-11-20T10:15:00.007Z");
}

TEST(TimestampTest, ReadsWhatItWritesAndOtherSpellings) {
  for (const std::int64_t ms : {0LL, 951'782'400'000LL, 1'795'169'700'123LL, 4'102'444'799'999LL}) {
    EXPECT_EQ(timestamp_from_text(to_text({ms})).value().ms, ms);
  }
  EXPECT_EQ(timestamp_from_text("2026-11-20T11:15:00+01:00").value().ms, 1'795'169'700'000);
  EXPECT_EQ(timestamp_from_text("2026-11-20T10:15:00.5Z").value().ms, 1'795'169'700'500);
  EXPECT_EQ(timestamp_from_text("2026-11-20T10:15:00.123456789Z").value().ms, 1'795'169'700'123);
}

TEST(TimestampTest, WhatItReadsHasAText) {
  for (const char* text : {"0000-01-01T00:00:00Z", "9999-12-31T23:59:59.999Z"}) {
    EXPECT_EQ(to_text(timestamp_from_text(text).value()), text);
  }
  EXPECT_EQ(to_text(timestamp_from_text("9999-12-31T23:59:59-00:00").value()), "9999-12-31T23:59:59Z");
  for (const char* text : {"0000-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01", "9999-12-31T23:59:60Z"}) {
    EXPECT_FALSE(timestamp_from_text(text)) << text;
  }
}

TEST(TimestampTest, RefusesWhatIsNoTime) {
  for (const char* text :
       {"", "yesterday", "2026-11-20", "2026-13-20T10:15:00Z", "2026-02-30T10:15:00Z", "2026-11-20T24:15:00Z",
        "2026-11-20T10:15:00", "2026-11-20T10:15:00.Z", "2026-11-20T10:15:00ZZ", "2026-11-20T10:15:00+1:00"}) {
    EXPECT_FALSE(timestamp_from_text(text)) << text;
  }
}

}  // namespace
}  // namespace moetune::schema
