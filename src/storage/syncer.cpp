#include "storage/syncer.hpp"

#include <algorithm>
#include <utility>

#include "base/check.hpp"

namespace holdfast::storage {
namespace {

struct Entry {
  std::shared_ptr<Syncable> owner;
  Syncable::Snapshot snapshot;
  Result<void> result;
};

void sync(std::vector<Entry>& entries) {
  if (entries.size() > Syncer::most_one_by_one && entries.front().snapshot.file->sync_file_system()) return;
  for (Entry& entry : entries) entry.result = entry.snapshot.file->sync();
}

}  // namespace

struct Syncer::Core : std::enable_shared_from_this<Core> {
  Core(const Threads& t, Duration i, std::function<Instant()> n)
      : threads(t), interval(i), now(std::move(n)) {}

  void begin_round();
  void take_snapshots(std::vector<Entry> entries);
  void end_round(const std::vector<Entry>& entries);

  const Threads threads;
  const Duration interval;
  const std::function<Instant()> now;
  std::vector<std::shared_ptr<Syncable>> dirty;
  Instant next_round = never;
  bool busy = false;
  ThreadOwner syncs_owner;  // of a round's syncs
};

void Syncer::Core::begin_round() {
  busy = true;
  next_round = never;
  std::vector<Entry> entries;
  for (std::shared_ptr<Syncable>& owner : std::exchange(dirty, {})) {
    owner->handle_round();
    entries.push_back({std::move(owner), {}, {}});
  }
  threads.storage.post([core = shared_from_this(), entries = std::move(entries)]() mutable {
    core->take_snapshots(std::move(entries));
  });
}

// On a storage thread, between two writes of a file: what is counted here is in it.
void Syncer::Core::take_snapshots(std::vector<Entry> entries) {
  for (Entry& entry : entries) entry.snapshot = entry.owner->take_snapshot();
  threads.syncs.post([core = shared_from_this(), entries = std::move(entries)]() mutable {
    core->syncs_owner.check();
    const auto none = std::ranges::stable_partition(
        entries, [](const Entry& entry) { return entry.snapshot.file != nullptr; });
    std::vector<Entry> idle(std::make_move_iterator(none.begin()), std::make_move_iterator(none.end()));
    entries.erase(none.begin(), none.end());
    if (!entries.empty()) sync(entries);
    for (Entry& entry : entries) {
      if (entry.result && !entry.snapshot.file->is_in_place()) {
        entry.result = fail(ErrorCode::not_found, "the file was deleted or moved");
      }
      entry.snapshot.file.reset();  // closing may block: not on the worker
    }
    std::ranges::move(idle, std::back_inserter(entries));
    core->threads.worker.post([core, entries = std::move(entries)] { core->end_round(entries); });
  });
}

void Syncer::Core::end_round(const std::vector<Entry>& entries) {
  busy = false;
  for (const Entry& entry : entries) entry.owner->handle_synced(entry.snapshot.range, entry.result);
}

Syncer::Syncer(const Threads& threads, Duration interval, std::function<Instant()> now)
    : core_(std::make_shared<Core>(threads, interval, std::move(now))) {}

// The round under way ends by itself.
Syncer::~Syncer() = default;

void Syncer::add(std::shared_ptr<Syncable> file) {
  CHECK(file != nullptr);
  Core& core = *core_;
  if (core.interval == Duration::zero()) return;
  if (core.dirty.empty()) core.next_round = core.now() + core.interval;
  core.dirty.push_back(std::move(file));
}

void Syncer::handle_tick(Instant now) {
  if (!core_->busy && core_->next_round <= now) core_->begin_round();
}

Instant Syncer::deadline() const {
  return core_->busy ? never : core_->next_round;
}

}  // namespace holdfast::storage
