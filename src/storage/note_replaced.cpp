#include "storage/note_replaced.hpp"

#include <algorithm>
#include <utility>

#include "base/crc32c.hpp"
#include "journal/append.hpp"
#include "journal/state.hpp"
#include "storage/naming.hpp"
#include "storage/scan.hpp"

namespace holdfast::storage {
namespace {

Result<journal::ReplacedEvent> measure(Disk& disk, const std::string& path) {
  constexpr std::uint64_t piece = std::uint64_t{1} << 20;
  journal::ReplacedEvent event;
  std::uint32_t crc = 0;
  while (true) {
    const auto bytes = disk.read(path, event.bytes, piece);
    if (!bytes) return std::unexpected(bytes.error());
    crc = crc32c(crc, *bytes);
    event.bytes += bytes->size();
    if (bytes->size() < piece) break;
  }
  event.crc32c = format_crc32c(crc);
  return event;
}

}  // namespace

Result<void> note_replaced(Disk& disk, const std::string& directory, std::string_view recording_base,
                           const std::string& part, std::string_view reason, WallTime wall) {
  const std::string path = folder_prefix(directory) + journal_name(recording_base);
  auto event = measure(disk, folder_prefix(directory) + part);
  if (!event) return std::unexpected(std::move(event.error()));
  auto journal = journal::Appender::open(disk, path);
  if (!journal) return std::unexpected(std::move(journal.error()));
  const auto state = journal::read_state(disk, path);
  if (!state) return std::unexpected(state.error());
  const journal::PartState* found = state->find_part(part);
  if (found == nullptr) return fail(ErrorCode::not_found, "{} has no part {}", path, part);
  event->part = found->number;
  event->reason = reason;
  const auto noted = journal->append(std::move(*event), wall);
  if (!noted) return std::unexpected(noted.error());
  return {};
}

}  // namespace holdfast::storage
