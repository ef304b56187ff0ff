#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/bytes.hpp"
#include "base/disk.hpp"
#include "base/result.hpp"
#include "journal/events.hpp"

namespace holdfast::journal {

// Reads a journal piece by piece, so that one of a month needs no more memory than one of a minute. Never
// fails: what it cannot read it counts.
class Reader {
 public:
  using Take = std::function<void(Entry&& entry)>;
  // Called for every line that is whole, once: after a failed sync a writer repeats what it was about.
  explicit Reader(Take take) : take_(std::move(take)) {}

  void feed(Bytes bytes);

  // Ends in half a line: the writer was cut off, or writes on.
  bool torn() const { return !half_.empty(); }
  // Bytes up to the last newline.
  std::uint64_t whole_size() const { return whole_size_; }
  // Of the last line that was read; 0: none.
  std::uint64_t last_number() const { return last_number_; }
  // Lines of a newer version; left out.
  std::uint64_t unknown() const { return unknown_; }
  // Lines that cannot be read, or whose CRC is not theirs; left out. And lines that are not there, going by
  // the numbers of the others.
  std::uint64_t damaged() const { return damaged_; }
  std::uint64_t missing() const { return unseen_count_ > damaged_ ? unseen_count_ - damaged_ : 0; }
  // The number of the first line in whose place something else is, or nothing; 0: all is well.
  std::uint64_t first_bad_line() const { return first_bad_line_; }

 private:
  void read_line(std::string_view line);
  bool is_new(std::uint64_t number);

  Take take_;
  ByteVector half_;
  std::uint64_t whole_size_ = 0;
  std::uint64_t last_number_ = 0;
  std::uint64_t unknown_ = 0;
  std::uint64_t damaged_ = 0;
  std::map<std::uint64_t, std::uint64_t> unseen_;  // from number to number (inclusive), below the last
  std::uint64_t unseen_count_ = 0;
  std::uint64_t first_bad_line_ = 0;
};

// A journal as a whole.
struct Lines {
  std::vector<Entry> entries;
  bool torn = false;  // as Reader's
  std::size_t whole_size = 0;
  std::uint64_t unknown = 0;
  std::uint64_t damaged = 0;
  std::uint64_t missing = 0;

  // The last event of a kind, or null.
  template <typename Kind>
  const Kind* last() const {
    for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry) {
      if (const auto* event = std::get_if<Kind>(&entry->event)) return event;
    }
    return nullptr;
  }
};
// Feeds the reader with the file as it is now, from the byte `from` on, where a line begins. Blocks. Errors:
// io, not_found.
Result<void> read(Disk& disk, const std::string& path, Reader& reader, std::uint64_t from = 0);

// All of it at once: for tests, and journals known to be small.
Lines parse(Bytes bytes);

}  // namespace holdfast::journal
