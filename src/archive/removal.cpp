#include "archive/removal.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "journal/reader.hpp"
#include "storage/naming.hpp"

namespace holdfast::archive {
namespace {

// A journal is never a part of another recording, whatever a line says.
bool may_be_part(const std::string& name) {
  return storage::is_plain_name(name) && !storage::base_of_journal(name) && name != storage::removals_name;
}

// "a.ts.tail", "a.ts.tail2"; not "a.ts.tailor".
bool is_tail_of(std::string_view part, std::string_view name) {
  constexpr std::string_view word = ".tail";
  if (part.empty() || !name.starts_with(part)) return false;
  name.remove_prefix(part.size());
  return name.starts_with(word) && name.find_first_not_of("0123456789.-_", word.size()) == name.npos;
}

}  // namespace

std::vector<std::string> files_of(const journal::State& state, const std::string& journal,
                                  const std::vector<DirectoryEntry>& listing) {
  const auto is_its = [&](const std::string& name) {
    if (!may_be_part(name)) return false;
    return std::ranges::any_of(state.parts,
                               [&](const journal::PartState& part) {
                                 return name == part.file || is_tail_of(part.file, name);
                               }) ||
           std::ranges::find(state.tails, name) != state.tails.end();
  };
  std::vector<std::string> files;
  for (const DirectoryEntry& entry : listing) {
    if (!entry.is_directory && is_its(entry.name)) files.push_back(entry.name);
  }
  std::ranges::sort(files);
  files.push_back(journal);
  return files;
}

Result<Remover> Remover::open(Disk& disk, const std::string& folder, WallTime now) {
  Remover remover(disk, folder);
  auto account = journal::Appender::open(disk, remover.folder_ + std::string(storage::removals_name));
  if (!account && account.error().code != ErrorCode::not_found) {
    return std::unexpected(std::move(account.error()));
  }
  if (!account) return remover;  // nothing was ever removed here
  remover.account_ = std::move(*account);
  if (auto done = remover.finish_halfway(now); !done) return std::unexpected(std::move(done.error()));
  return remover;
}

Result<void> Remover::finish_halfway(WallTime now) {
  std::map<std::uint64_t, journal::RemovedEvent> halfway;  // by the number of their line
  journal::Reader reader([&](journal::Entry&& entry) {
    if (auto* removed = std::get_if<journal::RemovedEvent>(&entry.event)) {
      halfway.emplace(entry.number, std::move(*removed));
    } else if (const auto* done = std::get_if<journal::RemovalDoneEvent>(&entry.event)) {
      halfway.erase(done->removal);
    }
  });
  if (auto read = journal::read(disk_, folder_ + std::string(storage::removals_name), reader); !read) {
    return read;
  }
  for (const auto& [number, removed] : halfway) {
    if (removed.files.empty()) continue;
    const std::string journal = folder_ + removed.files.back();
    const auto lock = journal::Appender::open(disk_, journal);
    if (!lock && lock.error().code == ErrorCode::conflict) continue;  // somebody has it: later
    if (!lock && lock.error().code != ErrorCode::not_found) return std::unexpected(lock.error());
    // One that went on being recorded after the crash is another than the one that was to go.
    const auto state = lock ? journal::read_state(disk_, journal) : journal::State();
    if (!state) return std::unexpected(state.error());
    const bool went_on = lock && format_rfc3339(state->last_time) != removed.end;
    if (!went_on) {
      if (auto done = remove_files(removed.files); !done) return done;
    }
    if (auto noted = account_->append(journal::RemovalDoneEvent{number}, now); !noted) {
      return std::unexpected(std::move(noted.error()));
    }
    ++finished_;
  }
  return {};
}

Result<void> Remover::begin_account() {
  if (account_) return {};
  const std::string path = folder_ + std::string(storage::removals_name);
  if (auto made = disk_.create(path); !made && made.error().code != ErrorCode::conflict) {
    return std::unexpected(std::move(made.error()));
  }
  auto account = journal::Appender::open(disk_, path);
  if (!account) return std::unexpected(std::move(account.error()));
  account_ = std::move(*account);
  return {};
}

Result<void> Remover::remove_files(const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    if (!storage::is_plain_name(name) || name == storage::removals_name) continue;
    if (auto removed = disk_.remove(folder_ + name);
        !removed && removed.error().code != ErrorCode::not_found) {
      return removed;
    }
  }
  return {};
}

Result<std::optional<Removed>> Remover::remove(const RetentionPlan::Removal& removal, WallTime now) {
  const std::string& path = removal.recording.journal_path;
  const std::string journal = path.substr(path.find_last_of('/') + 1);
  // As long as it is open, nobody records on or protects it.
  const auto lock = journal::Appender::open(disk_, folder_ + journal);
  if (!lock) {
    const ErrorCode code = lock.error().code;
    if (code == ErrorCode::conflict || code == ErrorCode::not_found) return std::nullopt;
    return std::unexpected(lock.error());
  }
  const auto state = journal::read_state(disk_, folder_ + journal);
  if (!state) return std::unexpected(state.error());
  // It may have been protected, or gone on, since it was planned.
  const bool same = state->has_start && state->last_time == removal.recording.end_time;
  if (!same || state->is_protected) return std::nullopt;
  const auto listing = disk_.list(directory_);
  if (!listing) return std::unexpected(listing.error());

  Removed removed{.recording_id = state->start.recording_id,
                  .mint_id = state->start.mint_id,
                  .files = files_of(*state, journal, *listing),
                  .reason = removal.reason};
  for (const DirectoryEntry& entry : *listing) {
    if (std::ranges::find(removed.files, entry.name) != removed.files.end()) removed.bytes += entry.size;
  }
  if (auto begun = begin_account(); !begun) return std::unexpected(std::move(begun.error()));
  auto said = account_->append(journal::RemovedEvent{.recording_id = removed.recording_id,
                                                     .mint_id = removed.mint_id,
                                                     .files = removed.files,
                                                     .bytes = removed.bytes,
                                                     .start = format_rfc3339(state->start_time),
                                                     .end = format_rfc3339(state->last_time),
                                                     .reason = std::string(to_string(removal.reason))},
                               now);
  if (!said) return std::unexpected(std::move(said.error()));
  if (auto gone = remove_files(removed.files); !gone) return std::unexpected(std::move(gone.error()));
  if (auto done = account_->append(journal::RemovalDoneEvent{*said}, now); !done) {
    return std::unexpected(std::move(done.error()));
  }
  return removed;
}

}  // namespace holdfast::archive
