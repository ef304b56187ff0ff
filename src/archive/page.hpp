#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.hpp"
#include "storage/scan.hpp"

namespace holdfast::archive {

// A place in the list of recordings, whether anything is there or not. The order is by start time, then by
// the journal's file name, so that it is the same whoever makes the list.
struct Position {
  WallTime start_time{};  // in whole milliseconds, as journals have it
  std::string journal{};  // empty: before all of that time
};
// As clients carry it, of characters that need no escape in a URL: "20261122T164501.250Z~name".
std::string format_position(const Position& position);
// The same again; also a time alone, in that form or as "2026-11-22T16:45:01.250Z".
std::optional<Position> parse_position(std::string_view text);

struct Query {
  std::optional<std::size_t> limit{};  // the newest so many; not given: all
  std::optional<Position> before{};    // only what comes before it in the list
  std::string mint_id{};               // empty: any
};

struct Page {
  std::vector<storage::RecordingSummary> recordings{};  // by start time, the newest last
  std::uint64_t total = 0;                              // that Query::mint_id allows, on all pages
  std::optional<Position> next{};                       // `before` of the next page, with what is older
  std::vector<std::string> unreadable{};                // journals that could not be read, and why
};

}  // namespace holdfast::archive
