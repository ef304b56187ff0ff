#include "audit/part_reading.hpp"

#include <algorithm>
#include <utility>

#include "base/crc32c.hpp"

namespace holdfast::audit {
namespace {

constexpr std::uint64_t piece = 1 << 20;

}  // namespace

PartReading::PartReading(Disk& disk, Report& report, PartReport& part, const journal::PartState* state,
                         StructureReader& reader)
    : disk_(disk), report_(report), part_(part), state_(state), reader_(reader) {
  if (state_ == nullptr) return;
  if (state_->replaced) {
    next_ = journal::ChecksumEvent{state_->number, 0, state_->replaced->bytes, state_->replaced->crc32c};
  } else {
    cursor_.emplace(disk, report.name, *state_);
    next_ = cursor_->next();
  }
}

Result<void> PartReading::run(std::uint64_t size, Ending ending,
                              const std::function<void(std::uint64_t)>& progress) {
  while (offset_ < size) {
    const auto bytes = disk_.read(part_.path, offset_, std::min(piece, size - offset_));
    if (!bytes) return std::unexpected(bytes.error());
    if (bytes->empty()) break;  // it became shorter
    sum(*bytes);
    reader_.feed(*bytes);
    if (state_ != nullptr) compare();
    offset_ += bytes->size();
    if (progress) progress(bytes->size());
  }
  reader_.finish(ending);
  return {};
}

void PartReading::sum(Bytes bytes) {
  std::uint64_t at = offset_;
  while (next_ && !bytes.empty()) {
    // Of ranges that overlap, or leave something out, the rest is still worth comparing.
    if (next_->from > at) {
      const auto skipped = std::min<std::uint64_t>(bytes.size(), next_->from - at);
      bytes = bytes.subspan(static_cast<std::size_t>(skipped));
      at += skipped;
      continue;
    }
    if (next_->to <= next_->from || (crc_from_ != next_->from && next_->from != at)) {
      next_ = next_checksum();
      continue;
    }
    if (next_->from == at) crc_ = 0, crc_from_ = at;
    const auto used = std::min<std::uint64_t>(bytes.size(), next_->to - at);
    crc_ = crc32c(crc_, bytes.first(static_cast<std::size_t>(used)));
    bytes = bytes.subspan(static_cast<std::size_t>(used));
    at += used;
    if (at < next_->to) continue;
    compared_.push_back({*next_, crc_});
    next_ = next_checksum();
  }
}

// After the structure was read as far, so that the media time is known.
void PartReading::compare() {
  for (const auto& [range, crc] : std::exchange(compared_, {})) {
    part_.checked_bytes += range.to - range.from;
    if (format_crc32c(crc) == range.crc32c) continue;
    report_.findings.add({.what = What::checksum,
                          .file = part_.path,
                          .from = range.from,
                          .to = range.to,
                          .pts = reader_.position(),
                          .detail = fmt::format("CRC-32C is {}, but was {} when these bytes were written",
                                                format_crc32c(crc), range.crc32c)});
  }
}

std::optional<journal::ChecksumEvent> PartReading::next_checksum() {
  return cursor_ ? cursor_->next() : std::nullopt;
}

}  // namespace holdfast::audit
