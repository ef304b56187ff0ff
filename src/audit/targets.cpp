#include "audit/targets.hpp"

#include <set>
#include <string_view>
#include <utility>

#include "journal/reader.hpp"
#include "journal/state.hpp"
#include "storage/naming.hpp"

namespace holdfast::audit {
namespace {

bool is_media_name(std::string_view name) {
  return name.ends_with(".ts") || name.ends_with(".mp4") || name.ends_with(".mkv");
}

// "m_2026_part002.ts" belongs to "m_2026".
std::string base_of_part(std::string_view name) {
  name = name.substr(0, name.rfind('.'));
  constexpr std::string_view part = "_part";
  const std::size_t at = name.rfind(part);
  if (at != std::string_view::npos && at + part.size() < name.size() &&
      name.find_first_not_of("0123456789", at + part.size()) == std::string_view::npos) {
    name = name.substr(0, at);
  }
  return std::string(name);
}

// The files that a journal names; whether others may have been on its damaged lines.
struct Named {
  std::set<std::string> files;
  bool maybe_others = false;
  bool ended = false;
};
Named files_of_journal(Disk& disk, const std::string& path) {
  journal::State state;
  journal::Reader reader([&](journal::Entry&& entry) { state.take(entry); });
  const auto read = journal::read(disk, path, reader);
  Named named;
  for (const journal::PartState& part : state.parts) named.files.insert(part.file);
  named.files.insert(state.tails.begin(), state.tails.end());
  named.maybe_others = !read || reader.first_bad_line() != 0;
  named.ended = state.ended();
  return named;
}

std::vector<Target> targets_of_folder(Disk& disk, const std::string& folder, const FileSizes& sizes) {
  std::vector<Target> targets;
  // Else ten thousand recordings would be ten thousand lists of as many files.
  const auto listed = std::make_shared<const FileSizes>(sizes);
  std::set<std::string> known;
  std::set<std::string> maybe_known;  // base names
  for (const auto& [name, size] : sizes) {
    const auto base = storage::base_of_journal(name);
    if (!base) continue;
    Named named = files_of_journal(disk, folder + name);
    targets.push_back({.folder = folder, .journal = name, .sizes = named.ended ? listed : nullptr});
    known.merge(named.files);
    if (named.maybe_others) maybe_known.emplace(*base);
  }
  for (const auto& [name, size] : sizes) {
    if (is_media_name(name) && !known.contains(name) && !maybe_known.contains(base_of_part(name))) {
      targets.push_back({.folder = folder, .file = name});
    }
  }
  return targets;
}

}  // namespace

Result<FileSizes> list_files(Disk& disk, const std::string& folder) {
  const auto entries = disk.list(folder.empty()       ? "."
                                 : folder.size() == 1 ? folder
                                                      : folder.substr(0, folder.size() - 1));
  if (!entries) return std::unexpected(entries.error());
  FileSizes sizes;
  for (const auto& entry : *entries) {
    if (!entry.is_directory) sizes.emplace(entry.name, entry.size);
  }
  return sizes;
}

Result<std::vector<Target>> find_targets(Disk& disk, const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "" : path.substr(0, slash + 1);
  const std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
  const auto around = list_files(disk, folder);
  if (!around || !around->contains(name)) {
    const std::string as_folder = path.ends_with('/') ? path : path + '/';
    const auto inside = list_files(disk, as_folder);
    if (inside) return targets_of_folder(disk, as_folder, *inside);
    if (!around) return std::unexpected(around.error());
    return fail(ErrorCode::not_found, "{}: no such file or folder", path);
  }
  if (storage::base_of_journal(name)) return std::vector{Target{.folder = folder, .journal = name}};
  if (const std::string journal = storage::journal_name(base_of_part(name)); around->contains(journal)) {
    // Names alone say little: m.mkv may lie beside the journal of m.ts.
    const Named named = files_of_journal(disk, folder + journal);
    if (named.maybe_others || named.files.contains(name)) {
      return std::vector{Target{.folder = folder, .journal = journal}};
    }
  }
  return std::vector{Target{.folder = folder, .file = name}};
}

}  // namespace holdfast::audit
