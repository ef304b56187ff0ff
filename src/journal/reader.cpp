#include "journal/reader.hpp"

#include <algorithm>

#include "journal/line.hpp"

namespace holdfast::journal {

void Reader::feed(Bytes bytes) {
  std::string_view rest = as_text(bytes);
  for (std::size_t end; (end = rest.find('\n')) != std::string_view::npos; rest.remove_prefix(end + 1)) {
    whole_size_ += half_.size() + end + 1;
    if (half_.empty()) {
      read_line(rest.substr(0, end));
      continue;
    }
    half_.insert(half_.end(), rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(end));
    read_line(as_text(half_));
    half_.clear();
  }
  half_.insert(half_.end(), rest.begin(), rest.end());
}

void Reader::read_line(std::string_view line) {
  // What a power cut took in the middle of a file reads as zeros.
  line.remove_prefix(std::min(line.find_first_not_of('\0'), line.size()));
  Entry entry;
  const Line kind = parse_line(line, entry);
  if (kind == Line::damaged) {
    ++damaged_;
    if (first_bad_line_ == 0) first_bad_line_ = last_number_ + 1;
    return;
  }
  if (!is_new(entry.number)) return;
  if (kind == Line::known) {
    take_(std::move(entry));
  } else {
    ++unknown_;
  }
}

bool Reader::is_new(std::uint64_t number) {
  if (number > last_number_) {
    if (number > last_number_ + 1) {
      unseen_.emplace(last_number_ + 1, number - 1);
      unseen_count_ += number - last_number_ - 1;
      if (first_bad_line_ == 0) first_bad_line_ = last_number_ + 1;
    }
    last_number_ = number;
    return true;
  }
  auto hole = unseen_.upper_bound(number);
  if (hole == unseen_.begin()) return false;
  const auto [from, to] = *--hole;
  if (number > to) return false;
  unseen_.erase(hole);
  if (from < number) unseen_.emplace(from, number - 1);
  if (number < to) unseen_.emplace(number + 1, to);
  --unseen_count_;
  return true;
}

Lines parse(Bytes bytes) {
  Lines journal;
  Reader reader([&](Entry&& entry) { journal.entries.push_back(std::move(entry)); });
  reader.feed(bytes);
  journal.torn = reader.torn();
  journal.whole_size = reader.whole_size();
  journal.unknown = reader.unknown();
  journal.damaged = reader.damaged();
  journal.missing = reader.missing();
  return journal;
}

Result<void> read(Disk& disk, const std::string& path, Reader& reader, std::uint64_t from) {
  constexpr std::uint64_t piece = std::uint64_t{1} << 20;
  for (std::uint64_t offset = from;; offset += piece) {
    const auto bytes = disk.read(path, offset, piece);
    if (!bytes) return std::unexpected(bytes.error());
    reader.feed(*bytes);
    if (bytes->size() < piece) return {};
  }
}

}  // namespace holdfast::journal
