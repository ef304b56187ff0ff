#include "audit/finding.hpp"

#include <algorithm>

namespace holdfast::audit {

std::string_view to_string(What what) {
  switch (what) {
    case What::checksum:
      return "checksum";
    case What::checksum_chain:
      return "checksum_chain";
    case What::size:
      return "size";
    case What::missing_part:
      return "missing_part";
    case What::structure:
      return "structure";
    case What::continuity:
      return "continuity";
    case What::tables:
      return "tables";
    case What::clock:
      return "clock";
    case What::times:
      return "times";
    case What::random_access:
      return "random_access";
    case What::hole:
      return "hole";
    case What::frames:
      return "frames";
    case What::ledger:
      return "ledger";
    case What::journal_line:
      return "journal_line";
    case What::journal_order:
      return "journal_order";
    case What::tail:
      return "tail";
    case What::unsafe:
      return "unsafe";
    case What::trimmed:
      return "trimmed";
    case What::no_journal:
      return "no_journal";
    case What::version:
      return "version";
  }
  std::unreachable();
}

std::string_view advice(What what) {
  switch (what) {
    case What::checksum:
      return "restore the file from a copy; without a copy, holdfast repair salvages the media around these "
             "bytes";
    case What::structure:
    case What::continuity:
    case What::tables:
    case What::clock:
    case What::times:
    case What::random_access:
      return "restore the file from a copy, or run holdfast repair to write a playable file";
    case What::size:
      return "restore the file from a copy; without a copy, holdfast repair salvages the media that is "
             "present";
    case What::missing_part:
      return "put the file back into the folder of its journal, with this name";
    case What::checksum_chain:
    case What::journal_line:
    case What::journal_order:
      return "restore the journal from a copy; the media may still be undamaged";
    case What::hole:
    case What::frames:
    case What::ledger:
      return "compare the file with a copy: media may have been cut out";
    case What::tail:
      return "no action needed; holdfast repair writes a file without this tail";
    case What::no_journal:
      return "run holdfast repair to write a journal, so that later damage can be found";
    case What::version:
      return "verify with the Holdfast version that wrote it";
    case What::unsafe:
    case What::trimmed:
      return {};
  }
  std::unreachable();
}

void Findings::add(Finding finding) {
  std::uint64_t& count = finding.severity == Severity::fault ? faults_ : notes_;
  if (count++ < limit) listed_.push_back(std::move(finding));
}

std::string format_media_time(media::Ticks pts) {
  const std::int64_t ms = std::max<media::Ticks>(pts - media::ticks_per_second, 0) / 90;
  return fmt::format("{:02}:{:02}:{:02}.{:03}", ms / 3'600'000, ms / 60'000 % 60, ms / 1000 % 60, ms % 1000);
}

}  // namespace holdfast::audit
