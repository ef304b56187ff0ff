#include "audit/checked_journal.hpp"

#include <algorithm>
#include <utility>

namespace holdfast::audit {
namespace {

What kind_of(journal::Contradiction::Kind kind) {
  switch (kind) {
    case journal::Contradiction::Kind::order:
      return What::journal_order;
    case journal::Contradiction::Kind::checksum_chain:
      return What::checksum_chain;
    case journal::Contradiction::Kind::ledger:
      return What::ledger;
    case journal::Contradiction::Kind::newer_version:
      return What::version;
  }
  std::unreachable();
}

void add_contradictions(const journal::State& state, const std::string& path, Findings& findings) {
  for (const journal::Contradiction& each : state.contradictions) {
    Finding finding{.what = kind_of(each.kind),
                    .file = path,
                    .pts = each.pts,
                    .detail = fmt::format("line {}: {}", each.line, each.detail)};
    if (finding.what == What::version) finding.severity = Severity::note;
    if (each.bytes) {
      finding.from = each.bytes->from;
      finding.to = each.bytes->to;
    }
    findings.add(std::move(finding));
  }
}

// A torn line is the beginning of one. One that goes on behind its own end was changed.
bool is_changed_end(std::string_view tail) {
  constexpr std::string_view key = ",\"crc\":\"";
  const std::size_t at = tail.rfind(key);
  return at != std::string_view::npos && tail.size() > at + key.size() + 8 + 2;
}

}  // namespace

Result<CheckedJournal> check_journal(Disk& disk, const std::string& path, Findings& findings) {
  CheckedJournal checked;
  journal::Reader* self = nullptr;
  journal::Reader reader([&](journal::Entry&& entry) { checked.state.take(entry, self->whole_size()); });
  self = &reader;
  if (auto read = journal::read(disk, path, reader); !read) return std::unexpected(read.error());
  add_contradictions(checked.state, path, findings);
  checked.damaged_lines = reader.damaged() + reader.missing();
  const auto fault = [&](What what, std::string detail) {
    findings.add({.what = what, .file = path, .detail = std::move(detail)});
  };
  if (reader.torn()) {
    constexpr std::uint64_t longest = 1 << 16;
    const auto tail = disk.read(path, reader.whole_size(), longest);
    if (tail && is_changed_end(as_text(*tail))) {
      ++checked.damaged_lines;
      fault(What::journal_line, "the last line is not as long as it states");
    } else {
      findings.add({.what = What::tail,
                    .severity = Severity::note,
                    .file = path,
                    .from = reader.whole_size(),
                    .detail = "the last line of the journal is incomplete"});
    }
  }
  if (reader.first_bad_line() != 0) {
    fault(
        What::journal_line,
        fmt::format("line {} was changed; in total {} lines were changed and {} are missing or out of order",
                    reader.first_bad_line(), reader.damaged(), reader.missing()));
  } else if (!checked.state.has_start) {
    fault(What::journal_order, "the journal has no start event");
  }
  if (reader.unknown() > 0) {
    findings.add({.what = What::version,
                  .severity = Severity::note,
                  .file = path,
                  .detail = fmt::format("skipped {} lines of a newer version", reader.unknown())});
  }
  return checked;
}

ChecksumCursor::ChecksumCursor(Disk& disk, std::string journal_path, const journal::PartState& part)
    : disk_(disk),
      path_(std::move(journal_path)),
      part_(part.number),
      offset_(part.journal_offset),
      reader_([this](journal::Entry&& entry) {
        auto* checksum = std::get_if<journal::ChecksumEvent>(&entry.event);
        if (checksum != nullptr && checksum->part == part_) found_.push_back(std::move(*checksum));
      }) {}

std::optional<journal::ChecksumEvent> ChecksumCursor::next() {
  constexpr std::uint64_t piece = 1 << 16;
  while (found_.empty() && !ended_) {
    const auto bytes = disk_.read(path_, offset_, piece);
    ended_ = !bytes || bytes->size() < piece;
    if (!bytes) break;
    offset_ += bytes->size();
    reader_.feed(*bytes);
    std::ranges::reverse(found_);
  }
  if (found_.empty()) return std::nullopt;
  journal::ChecksumEvent first = std::move(found_.back());
  found_.pop_back();
  return first;
}

}  // namespace holdfast::audit
