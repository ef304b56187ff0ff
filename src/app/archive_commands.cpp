#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

#include "app/commands.hpp"
#include "archive/catalog.hpp"
#include "archive/removal.hpp"
#include "io/clock.hpp"
#include "io/posix_disk.hpp"

namespace holdfast::app {
namespace {

constexpr int done_with_remarks = 3;

int complain(const Error& error) {
  fmt::print(stderr, "holdfast: {}\n", error.message);
  return 1;
}

void print_removal(std::string_view verb, const storage::RecordingSummary& recording, std::uint64_t bytes,
                   archive::RemovalReason reason) {
  fmt::print("{} {}: ended {}, {} bytes, {}\n", verb, recording.recording_id,
             format_rfc3339(*recording.end_time), bytes, archive::to_string(reason));
}

// False: an error was said.
bool remove_all(Disk& disk, const std::string& folder, const archive::RetentionPlan& plan) {
  auto remover = archive::Remover::open(disk, folder, io::read_wall_clock());
  if (!remover) return complain(remover.error()) == 0;
  if (remover->finished() > 0) fmt::print("completed {} interrupted deletions\n", remover->finished());
  for (const auto& removal : plan.removals) {
    const auto removed = remover->remove(removal, io::read_wall_clock());
    if (!removed) return complain(removed.error()) == 0;
    if (*removed) {
      print_removal("deleted", removal.recording, (*removed)->bytes, removal.reason);
    } else {
      fmt::print("kept {}: it is protected or in use now\n", removal.recording.recording_id);
    }
  }
  return true;
}

}  // namespace

int run_reindex(const ReindexOptions& options) {
  io::PosixDisk disk;
  archive::Catalog catalog(disk, options.folder);
  const bool terminal = isatty(STDERR_FILENO) == 1;
  const WallTime now = io::read_wall_clock();
  const auto done =
      catalog.synchronize(now, archive::Catalog::Depth::everything, [&](std::size_t read, std::size_t all) {
        if (terminal) fmt::print(stderr, "\r{}: {} of {} journals", options.folder, read, all);
      });
  if (terminal) fmt::print(stderr, "\n");
  if (!done) return complain(done.error());
  if (!catalog.problem().empty()) return complain({ErrorCode::io, catalog.problem()});
  const auto page = catalog.page({.limit = 1}, now);
  if (!page) return complain(page.error());
  fmt::print("{}: {} recordings\n", archive::Catalog::path_of(options.folder), page->total);
  for (const std::string& problem : page->unreadable) fmt::print(stderr, "holdfast: {}\n", problem);
  return page->unreadable.empty() ? 0 : done_with_remarks;
}

int run_prune(const PruneOptions& options) {
  io::PosixDisk disk;
  // From the journals themselves: what is to be removed is judged by nothing less.
  const auto found = storage::scan(disk, options.folder);
  if (!found) return complain(found.error());
  const auto free = disk.free_space(options.folder);
  if (!free) return complain(free.error());
  const auto plan = archive::plan_retention(found->recordings, options.limits, io::read_wall_clock(), *free);
  if (options.dry_run) {
    for (const auto& removal : plan.removals) {
      print_removal("would delete", removal.recording, removal.recording.bytes(), removal.reason);
    }
  } else if (!remove_all(disk, options.folder, plan)) {
    return 1;
  }
  for (const archive::RemovalReason reason : plan.missed) {
    fmt::print(stderr, "holdfast: {} is exceeded: all remaining recordings are protected or active\n",
               archive::to_string(reason));
  }
  return plan.missed.empty() ? 0 : done_with_remarks;
}

}  // namespace holdfast::app
