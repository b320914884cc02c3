#include "schema/timestamp.hpp"

#include <fmt/format.h>

#include <chrono>
#include <cstdio>

namespace moetune::schema {
namespace {

using std::chrono::days;
using std::chrono::floor;
using std::chrono::milliseconds;
using std::chrono::sys_time;

/// Times that have a text: years 0000 to 9999 in UTC.
constexpr std::int64_t k_first_ms = -62'167'219'200'000;
constexpr std::int64_t k_last_ms = 253'402'300'799'999;

/// Reads exactly `count` digits at `at`, or -1.
int digits(std::string_view text, std::size_t at, std::size_t count) {
  if (at + count > text.size()) return -1;
  int value = 0;
  for (const char c : text.substr(at, count)) {
    if (c < '0' || c > '9') return -1;
    value = value * 10 + (c - '0');
  }
  return value;
}

/// The offset of a zone designator in minutes; false when `text` is none.
bool read_zone(std::string_view text, int& minutes) {
  minutes = 0;
  if (text == "Z" || text == "z") return true;
  if (text.size() != 6 || (text[0] != '+' && text[0] != '-') || text[3] != ':') return false;
  const int hour = digits(text, 1, 2);
  const int minute = digits(text, 4, 2);
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59) return false;
  minutes = (hour * 60 + minute) * (text[0] == '-' ? -1 : 1);
  return true;
}

}  // namespace

Timestamp now() {
  return {floor<milliseconds>(std::chrono::system_clock::now()).time_since_epoch().count()};
}

std::string to_text(Timestamp time) {
  const sys_time<milliseconds> point{milliseconds{time.ms}};
  const auto day = floor<days>(point);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss clock{point - day};
  std::string text = fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", static_cast<int>(date.year()),
                                 static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                                 clock.hours().count(), clock.minutes().count(), clock.seconds().count());
  if (clock.subseconds().count() != 0) text += fmt::format(".{:03}", clock.subseconds().count());
  return text + "Z";
}

Result<Timestamp> timestamp_from_text(std::string_view text) {
  const auto bad = [&] {
    return fail(ErrorCode::invalid_argument,
                fmt::format("\"{}\" is not a time such as 2026-11-20T10:15:00Z", text.substr(0, 40)));
  };
  if (text.size() < 20 || text[4] != '-' || text[7] != '-' || (text[10] != 'T' && text[10] != ' ') || text[13] != ':' ||
      text[16] != ':') {
    return bad();
  }
  const int year = digits(text, 0, 4), month = digits(text, 5, 2), day = digits(text, 8, 2);
  const int hour = digits(text, 11, 2), minute = digits(text, 14, 2), second = digits(text, 17, 2);
  const std::chrono::year_month_day date{std::chrono::year{year}, std::chrono::month{static_cast<unsigned>(month)},
                                         std::chrono::day{static_cast<unsigned>(day)}};
  if (year < 0 || month < 0 || day < 0 || !date.ok() || hour < 0 || hour > 23 || minute < 0 || minute > 59 ||
      second < 0 || second > 60) {
    return bad();
  }
  std::size_t at = 19;
  std::int64_t fraction_ms = 0;
  if (text[at] == '.') {
    const std::size_t begin = ++at;
    while (at < text.size() && text[at] >= '0' && text[at] <= '9') {
      const std::size_t place = at - begin;
      if (place < 3) fraction_ms += (text[at] - '0') * (place == 0 ? 100 : place == 1 ? 10 : 1);
      ++at;
    }
    if (at == begin || at - begin > 9) return bad();
  }
  int zone_minutes = 0;
  if (!read_zone(text.substr(at), zone_minutes)) return bad();
  const std::int64_t days_ms = std::chrono::sys_days{date}.time_since_epoch().count() * 86'400'000LL;
  const Timestamp time{days_ms + ((hour * 60LL + minute - zone_minutes) * 60 + second) * 1000 + fraction_ms};
  if (time.ms < k_first_ms || time.ms > k_last_ms) return bad();
  return time;
}

}  // namespace moetune::schema
