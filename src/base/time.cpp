#include "base/time.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cstdint>

namespace portcullis {
namespace {

using namespace std::chrono;

/// Takes a text from the left; every step says whether it fitted.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : rest_(text) {}

  bool digits(std::size_t count, int& value) {
    if (rest_.size() < count) return false;
    value = 0;
    for (std::size_t i = 0; i < count; ++i) {
      if (rest_[i] < '0' || rest_[i] > '9') return false;
      value = value * 10 + (rest_[i] - '0');
    }
    rest_.remove_prefix(count);
    return true;
  }

  bool literal(std::string_view text) {
    if (!rest_.starts_with(text)) return false;
    rest_.remove_prefix(text.size());
    return true;
  }

  /// ".123…": the digits beyond milliseconds are dropped.
  bool fraction(int& millis) {
    millis = 0;
    if (!literal(".") && !literal(",")) return true;  // the API server lets a comma pass
    int scale = 100;
    std::size_t count = 0;
    while (!rest_.empty() && rest_.front() >= '0' && rest_.front() <= '9') {
      millis += (rest_.front() - '0') * scale;
      scale /= 10;
      rest_.remove_prefix(1);
      ++count;
    }
    return count > 0;
  }

  bool offset(minutes& value) {
    value = minutes(0);
    if (literal("Z") || literal("z")) return true;
    const bool negative = rest_.starts_with('-');
    if (!literal("+") && !literal("-")) return false;
    int hour = 0;
    int minute = 0;
    if (!digits(2, hour) || !literal(":") || !digits(2, minute)) return false;
    if (hour > 24 || minute > 60) return false;  // the API server lets both pass
    value = minutes(hour * 60 + minute) * (negative ? -1 : 1);
    return true;
  }

  bool at_end() const { return rest_.empty(); }

 private:
  std::string_view rest_;
};

struct Clockface {
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
};

std::optional<TimePoint> to_time(const Clockface& at, int millis, minutes offset) {
  const year_month_day date{year(at.year), month(static_cast<unsigned>(at.month)),
                            day(static_cast<unsigned>(at.day))};
  if (!date.ok() || at.year < 1 || at.hour > 23 || at.minute > 59 || at.second > 60) {
    return std::nullopt;
  }
  const auto whole = sys_days(date) + hours(at.hour) + minutes(at.minute) +
                     seconds(at.second == 60 ? 59 : at.second);
  return TimePoint(whole + milliseconds(millis) - offset);
}

Clockface to_clockface(TimePoint time) {
  const auto midnight = floor<days>(time);
  const year_month_day date(midnight);
  const hh_mm_ss clock(floor<seconds>(time) - midnight);
  return {.year = static_cast<int>(date.year()),
          .month = static_cast<int>(static_cast<unsigned>(date.month())),
          .day = static_cast<int>(static_cast<unsigned>(date.day())),
          .hour = static_cast<int>(clock.hours().count()),
          .minute = static_cast<int>(clock.minutes().count()),
          .second = static_cast<int>(clock.seconds().count())};
}

constexpr std::array<std::string_view, 12> month_names = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

}  // namespace

std::optional<TimePoint> parse_rfc3339(std::string_view text) {
  Cursor cursor(text);
  Clockface at;
  int millis = 0;
  minutes offset{0};
  const bool fits = cursor.digits(4, at.year) && cursor.literal("-") &&
                    cursor.digits(2, at.month) && cursor.literal("-") && cursor.digits(2, at.day) &&
                    (cursor.literal("T") || cursor.literal("t")) && cursor.digits(2, at.hour) &&
                    cursor.literal(":") && cursor.digits(2, at.minute) && cursor.literal(":") &&
                    cursor.digits(2, at.second) && cursor.fraction(millis) &&
                    cursor.offset(offset) && cursor.at_end();
  if (!fits) return std::nullopt;
  return to_time(at, millis, offset);
}

std::string format_rfc3339(TimePoint time) {
  const Clockface at = to_clockface(time);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", at.year, at.month, at.day, at.hour,
                     at.minute, at.second);
}

std::string format_micro_time(TimePoint time) {
  std::string text = format_rfc3339(time);
  text.pop_back();
  const auto millis = (time - floor<seconds>(time)).count();
  return fmt::format("{}.{:03}000Z", text, millis);
}

std::optional<TimePoint> parse_http_date(std::string_view text) {
  const auto comma = text.find(", ");
  if (comma != 3) return std::nullopt;
  Cursor cursor(text.substr(5));
  Clockface at;
  if (!cursor.digits(2, at.day) || !cursor.literal(" ")) return std::nullopt;
  for (std::size_t i = 0; i < month_names.size() && at.month == 0; ++i) {
    if (cursor.literal(month_names[i])) at.month = static_cast<int>(i) + 1;
  }
  const bool fits = at.month != 0 && cursor.literal(" ") && cursor.digits(4, at.year) &&
                    cursor.literal(" ") && cursor.digits(2, at.hour) && cursor.literal(":") &&
                    cursor.digits(2, at.minute) && cursor.literal(":") &&
                    cursor.digits(2, at.second) && cursor.literal(" GMT") && cursor.at_end();
  if (!fits) return std::nullopt;
  return to_time(at, 0, minutes(0));
}

std::optional<Duration> parse_duration(std::string_view text) {
  constexpr double limit = 10.0 * 366 * 24 * 3600 * 1000;
  if (text == "0") return Duration{0};
  if (text.empty() || text.size() > 32) return std::nullopt;
  double total = 0;
  while (!text.empty()) {
    // from_chars alone would also read "1e9", "inf" and "-1".
    std::size_t length = 0;
    std::size_t points = 0;
    while (length < text.size() &&
           ((text[length] >= '0' && text[length] <= '9') || text[length] == '.')) {
      points += text[length] == '.' ? 1 : 0;
      ++length;
    }
    if (length == points || points > 1) return std::nullopt;
    double number = 0;
    const std::string_view digits = text.substr(0, length);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
    text.remove_prefix(length);
    double unit = 0;
    if (text.starts_with("ms")) {
      unit = 1;
    } else if (text.starts_with("h")) {
      unit = 3'600'000;
    } else if (text.starts_with("m")) {
      unit = 60'000;
    } else if (text.starts_with("s")) {
      unit = 1'000;
    } else {
      return std::nullopt;
    }
    text.remove_prefix(unit == 1 ? 2 : 1);
    total += number * unit;
    if (!(total <= limit)) return std::nullopt;
  }
  return Duration{static_cast<std::int64_t>(total)};
}

std::string format_duration(Duration duration) {
  if (duration == Duration{0}) return "0s";
  std::string text;
  const hh_mm_ss clock(duration);
  if (clock.hours().count() != 0) text += fmt::format("{}h", clock.hours().count());
  if (clock.minutes().count() != 0) text += fmt::format("{}m", clock.minutes().count());
  if (clock.seconds().count() != 0) text += fmt::format("{}s", clock.seconds().count());
  if (clock.subseconds().count() != 0) text += fmt::format("{}ms", clock.subseconds().count());
  return text;
}

}  // namespace portcullis
