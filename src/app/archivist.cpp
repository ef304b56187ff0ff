#include "app/archivist.hpp"

#include <algorithm>
#include <utility>

#include "archive/removal.hpp"
#include "base/log.hpp"
#include "io/clock.hpp"
#include "io/file_range.hpp"
#include "journal/append.hpp"

namespace holdfast::app {
namespace {

constexpr Duration interval = std::chrono::minutes(1);

}  // namespace

Archivist::Archivist(const Config& config, io::ControlLoop& control, Disk& disk, InHand in_hand)
    : limits_(config.retention),
      folder_(config.recordings),
      control_(control),
      disk_(disk),
      in_hand_(std::move(in_hand)),
      timer_(control),
      catalog_(disk, config.recordings) {}

Archivist::~Archivist() {
  stopping_ = true;
  catalog_.stop();
}

void Archivist::keep() {
  keeps_ = true;
  maintain();
  timer_.start(interval, [this] { keep(); });
}

void Archivist::look_again() {
  // One that has not begun yet sees this as well.
  if (!keeps_ || look_queued_.exchange(true)) return;
  thread_.post([this] {
    look_queued_ = false;
    // An error is said by the next answer, and by maintain().
    if (auto done = catalog_.synchronize(io::read_wall_clock()); !done && !stopping_) {
      log::debug("catalog update failed: {}", done.error().message);
    }
  });
}

void Archivist::maintain() {
  thread_.post([this, in_hand = in_hand_()] {
    control_.post([this, run = run_retention(in_hand)] {
      for (std::size_t i = 0; i < run.removed.size(); ++i) metrics_.removed[i] += run.removed[i];
      metrics_.removed_bytes += run.removed_bytes;
      metrics_.missed = run.missed;
    });
  });
}

void Archivist::list(archive::Query query, api::Recorder::PageReply reply) {
  thread_.post([this, query = std::move(query), reply = std::move(reply)]() mutable {
    control_.post([page = catalog_.page(query, io::read_wall_clock()), reply = std::move(reply)]() mutable {
      reply(std::move(page));
    });
  });
}

void Archivist::protect(std::string recording_id, archive::Protection protection,
                        api::Recorder::ProtectReply reply) {
  thread_.post(
      [this, recording_id = std::move(recording_id), protection, reply = std::move(reply)]() mutable {
        control_.post([done = set_protection(recording_id, protection), reply = std::move(reply)]() mutable {
          reply(std::move(done));
        });
      });
}

void Archivist::find_media(std::string recording_id, std::optional<std::size_t> part,
                           api::Recorder::MediaReply reply) {
  run_on(
      thread_, control_,
      [this, recording_id = std::move(recording_id), part] { return find_media(recording_id, part); },
      std::move(reply));
}

Result<api::MediaFile> Archivist::find_media(const std::string& recording_id,
                                             std::optional<std::size_t> part) {
  const auto found = catalog_.find(recording_id, io::read_wall_clock());
  if (!found) return std::unexpected(found.error());
  const auto& parts = found->front().parts;
  if (!part && parts.size() > 1) {
    return fail(ErrorCode::conflict, "{} has {} parts: add ?part=N, 1 to {}", recording_id, parts.size(),
                parts.size());
  }
  const std::size_t index = part.value_or(1) - 1;
  if (index >= parts.size()) return fail(ErrorCode::not_found, "{} has {} parts", recording_id, parts.size());
  auto file = io::ReadableFile::open(parts[index].path);
  if (!file) return std::unexpected(file.error());
  const auto size = (*file)->size();
  if (!size) return std::unexpected(size.error());
  return api::MediaFile{.path = parts[index].path,
                        .format = parts[index].format,
                        .bytes = *size,
                        .body = [file = std::move(*file)](std::uint64_t from, std::uint64_t to) {
                          return std::make_shared<io::FileRange>(file, from, to);
                        }};
}

Result<void> Archivist::set_protection(const std::string& recording_id, archive::Protection protection) {
  const WallTime now = io::read_wall_clock();
  const auto found = catalog_.find(recording_id, now);
  if (!found) return std::unexpected(found.error());
  const bool on = protection == archive::Protection::on;
  for (const storage::RecordingSummary& recording : *found) {
    if (recording.end == storage::RecordingEnd::active) {
      return fail(ErrorCode::conflict,
                  "{} is being recorded by another process; send the request to that process", recording_id);
    }
    if (recording.is_protected == on) continue;
    auto noted = journal::append(disk_, recording.journal_path, journal::ProtectEvent{on}, now);
    if (!noted) return noted;
    log::info("{}: {}", recording_id, on ? "protected" : "no longer protected");
  }
  // An appended line changes no name in the folder.
  return catalog_.synchronize(now);
}

api::ArchiveMetrics Archivist::run_retention(const std::vector<std::string>& in_hand) {
  api::ArchiveMetrics run;
  const auto complain = [&](const Error& error) {
    if (stopping_ || said_ == error.message) return;
    said_ = error.message;
    log::warn("retention in {} failed: {}", folder_, error.message);
  };
  const WallTime now = io::read_wall_clock();
  if (auto done = catalog_.synchronize(now); !done) {
    complain(done.error());
    return run;
  }
  if (!std::exchange(finished_halfway_, true)) {
    const auto remover = archive::Remover::open(disk_, folder_, now);
    if (!remover && remover.error().code != ErrorCode::conflict) complain(remover.error());
    if (remover && remover->finished() > 0) {
      log::info("completed {} interrupted deletions in {}", remover->finished(), folder_);
    }
  }
  if (!limits_.any()) return run;
  auto all = catalog_.page({}, now);
  const auto free = disk_.free_space(folder_);
  if (!all || !free) {
    complain(all ? free.error() : all.error());
    return run;
  }
  for (storage::RecordingSummary& recording : all->recordings) {
    if (std::ranges::find(in_hand, recording.recording_id) != in_hand.end()) recording.end_time.reset();
  }
  const auto plan = archive::plan_retention(all->recordings, limits_, now, *free);
  if (!plan.removals.empty()) remove(plan, run);
  for (const archive::RemovalReason reason : plan.missed) run.missed[std::to_underlying(reason)] = true;
  say_what_is_missed(plan);
  return run;
}

void Archivist::remove(const archive::RetentionPlan& plan, api::ArchiveMetrics& run) {
  auto remover = archive::Remover::open(disk_, folder_, io::read_wall_clock());
  if (!remover) {
    // Another process does the same just now.
    if (remover.error().code != ErrorCode::conflict) {
      log::error("cannot delete recordings in {}: {}", folder_, remover.error().message);
    }
    return;
  }
  for (const auto& removal : plan.removals) {
    if (stopping_) return;
    auto removed = remover->remove(removal, io::read_wall_clock());
    if (!removed) {
      log::error("cannot delete {}, retention stops here: {}", removal.recording.recording_id,
                 removed.error().message);
      return;
    }
    if (!*removed) continue;
    log::info("{}: deleted for {}: {} files, {} bytes", (*removed)->recording_id,
              archive::to_string((*removed)->reason), (*removed)->files.size(), (*removed)->bytes);
    ++run.removed[std::to_underlying((*removed)->reason)];
    run.removed_bytes += (*removed)->bytes;
  }
}

void Archivist::say_what_is_missed(const archive::RetentionPlan& plan) {
  std::string missed;
  for (const archive::RemovalReason reason : plan.missed) {
    missed += (missed.empty() ? "" : " and ") + std::string(archive::to_string(reason));
  }
  if (missed == said_) return;
  said_ = missed;
  if (missed.empty()) return;
  log::warn(
      "{} is exceeded in {}: all remaining recordings are protected or active. Remove a protection, free "
      "some space, or change the limit; recording continues",
      missed, folder_);
}

}  // namespace holdfast::app
