#include "storage/file_writer.hpp"

#include <algorithm>
#include <filesystem>
#include <mutex>
#include <utility>

#include "base/check.hpp"
#include "base/crc32c.hpp"

namespace holdfast::storage {

FileWriter::Counters& FileWriter::Counters::operator+=(const Counters& other) {
  commit_to_written += other.commit_to_written;
  write_call += other.write_call;
  written_to_durable += other.written_to_durable;
  writes += other.writes;
  failed_writes += other.failed_writes;
  failed_syncs += other.failed_syncs;
  return *this;
}

namespace {

// The file itself: touched by storage threads alone.
struct OnDisk {
  std::mutex mutex;  // a write that stands still is not to be disturbed by a snapshot
  std::shared_ptr<File> file;
  bool locked = false;
  std::uint64_t snapshot = 0;  // how far the last one went
  std::uint32_t crc = 0;       // of what was written since

  Result<void> append(Bytes bytes, std::size_t& done);
  SyncRange take_range();
};

// `done` grows by what went in.
Result<void> OnDisk::append(Bytes bytes, std::size_t& done) {
  const auto size_before = file->size();
  const auto appended = file->append(bytes.subspan(done));
  const auto added = static_cast<std::size_t>(file->size() - size_before);
  crc = crc32c(crc, bytes.subspan(done, added));
  done += added;
  return appended;
}

SyncRange OnDisk::take_range() {
  const SyncRange range{snapshot, file->size(), crc};
  snapshot = range.to;
  crc = 0;
  return range;
}

// What a write needs, and what came of it. The storage thread's while a job is in flight, else the worker's.
struct Flight {
  ByteVector bytes;
  std::size_t done = 0;  // of bytes
  Instant committed{};
  bool put_back = false;  // first give the file its path again
  bool last = false;      // sync and close afterwards

  Result<void> result;
  bool hopeless = false;  // trying again cannot help
  Instant finished{};
  std::optional<Duration> call;         // what the write itself took
  std::optional<SyncRange> last_range;  // that the close was to make durable

  Result<void> open(OnDisk& on_disk, Disk& disk, const std::string& path, Lock lock);
  Result<void> give_path(File& file, Disk& disk, const std::string& path);
  Result<void> write(OnDisk& on_disk, const StorageContext& context);
  Result<void> run(OnDisk& on_disk, const StorageContext& context, const std::string& path, Lock lock);
};

Result<void> Flight::open(OnDisk& on_disk, Disk& disk, const std::string& path, Lock lock) {
  if (!on_disk.file) {
    auto created = disk.create(path);
    if (!created && created.error().code == ErrorCode::not_found) {
      const auto made = disk.make_directories(std::filesystem::path(path).parent_path());
      if (!made) return made;
      created = disk.create(path);
    }
    if (!created) {
      hopeless = created.error().code == ErrorCode::conflict;
      return std::unexpected(std::move(created.error()));
    }
    on_disk.file = *std::move(created);
  }
  if (lock == Lock::none || on_disk.locked) return {};
  const auto taken = on_disk.file->lock();
  on_disk.locked = taken.has_value();
  return taken;
}

Result<void> Flight::give_path(File& file, Disk& disk, const std::string& path) {
  if (!put_back) return {};
  auto given = file.put_back();
  if (!given && given.error().code == ErrorCode::not_found) {
    if (auto made = disk.make_directories(std::filesystem::path(path).parent_path()); !made) return made;
    given = file.put_back();
  }
  put_back = !given;
  return given;
}

Result<void> Flight::write(OnDisk& on_disk, const StorageContext& context) {
  if (done == bytes.size()) return {};
  const Instant begun = context.now();
  auto appended = on_disk.append(bytes, done);
  call = context.now() - begun;
  return appended;
}

Result<void> Flight::run(OnDisk& on_disk, const StorageContext& context, const std::string& path, Lock lock) {
  const std::lock_guard guard(on_disk.mutex);
  call.reset();
  if (auto opened = open(on_disk, context.disk, path, lock); !opened) return opened;
  if (auto given = give_path(*on_disk.file, context.disk, path); !given) return given;
  if (auto written = write(on_disk, context); !written || !last) return written;
  auto synced = on_disk.file->sync();
  last_range = on_disk.take_range();
  on_disk.file.reset();
  // After a failed sync nobody knows what is on disk, and a second one would say all is well.
  hopeless = !synced;
  return synced;
}

}  // namespace

struct FileWriter::Core final : Syncable, std::enable_shared_from_this<Core> {
  Core(const StorageContext& c, std::string p, Lock l, Synced s)
      : context(c), path(std::move(p)), lock(l), synced(std::move(s)) {
    if (context.cadence != nullptr) context.cadence->open();
  }
  ~Core() override { context.budget.give_back(budgeted); }

  void account();
  void send(Instant now);
  void handle_done();
  void report_closed(Result<void> result);
  void report_last_range();
  void abandon();
  void mark_dirty(Instant since);
  bool may_send() const { return !busy && !ended && retry_at == never; }
  void leave_cadence();
  // Committed bytes may go at `now`; never: none wait, or something else stands in the way.
  Instant write_due() const { return committed && may_send() ? next_write : never; }
  std::size_t pending() const { return filling.size() + flying; }

  void handle_round() override;
  Snapshot take_snapshot() override;
  void handle_synced(const SyncRange& range, const Result<void>& result) override;

  const StorageContext context;
  const std::string path;
  const Lock lock;
  Synced synced;

  ByteVector filling;
  std::optional<Instant> committed;  // when the oldest bytes that wait in `filling` were committed
  std::size_t budgeted = 0;          // what we hold of the budget
  std::size_t flying = 0;            // bytes in flight, or to be tried again
  Flight flight;
  OnDisk on_disk;
  bool busy = false;      // a job is in flight
  bool dirty = false;     // the syncer knows that there are unsynced bytes
  bool in_round = false;  // and is about it
  Instant dirty_since{};
  std::optional<Instant> next_dirty_since;  // of bytes that came during a round
  bool displaced = false;                   // its path does not lead to it
  bool closing = false;
  bool ended = false;  // closed, or beyond hope
  bool orphaned = false;
  Instant retry_at = never;
  Instant next_write{};  // by the cadence
  bool in_cadence = true;
  Closed closed;
  std::uint64_t written = 0;
  std::uint64_t synced_to = 0;
  std::optional<Error> error;
  Counters counters;
};

// Takes from the budget what came into the buffer since.
void FileWriter::Core::account() {
  const std::size_t added = pending() - budgeted;
  context.budget.take(added);
  budgeted += added;
}

void FileWriter::Core::leave_cadence() {
  if (context.cadence != nullptr && std::exchange(in_cadence, false)) context.cadence->close();
}

void FileWriter::Core::send(Instant now) {
  account();
  if (flying == 0) {
    std::swap(filling, flight.bytes);
    flight.done = 0;
    flight.committed = committed.value_or(Instant{});
    committed.reset();
    flying = flight.bytes.size();
  }
  // A round of syncs that is under way ends first: it says what is durable up to where the close begins.
  flight.last = closing && filling.empty() && !in_round;
  flight.put_back |= std::exchange(displaced, false);
  if (context.cadence != nullptr) next_write = now + context.cadence->interval();
  busy = true;
  retry_at = never;
  context.storage.post([core = shared_from_this()] {
    Flight& job = core->flight;
    job.result = job.run(core->on_disk, core->context, core->path, core->lock);
    job.finished = core->context.now();
    core->context.worker.post([core] { core->handle_done(); });
  });
}

void FileWriter::Core::handle_done() {
  busy = false;
  const std::size_t left = flight.bytes.size() - flight.done;
  const std::size_t progress = flying - left;
  flying = left;
  written += progress;
  budgeted -= progress;
  context.budget.give_back(progress);
  if (orphaned) return abandon();
  if (progress > 0) mark_dirty(flight.finished);
  if (flight.call) {
    ++counters.writes;
    counters.write_call.add(*flight.call);
  }
  if (!flight.result) {
    if (flight.call) ++counters.failed_writes;
    error = flight.result.error();
    if (flight.last_range) report_last_range();
    if (flight.hopeless) return report_closed(flight.result);
    retry_at = flight.finished + retry_interval;
    return;
  }
  error.reset();
  if (!flight.bytes.empty()) counters.commit_to_written.add(flight.finished - flight.committed);
  if (context.buffers != nullptr) {
    context.buffers->give(std::exchange(flight.bytes, {}));
  } else {
    recycle(flight.bytes);
  }
  if (flight.last) {
    report_last_range();
    return report_closed({});
  }
  if (write_due() <= flight.finished || (closing && !in_round)) send(flight.finished);
}

void FileWriter::Core::mark_dirty(Instant since) {
  if (context.syncer == nullptr) return;
  if (in_round && !next_dirty_since) next_dirty_since = since;
  if (dirty) return;
  dirty = true;
  dirty_since = since;
  context.syncer->add(shared_from_this());
}

void FileWriter::Core::handle_round() {
  in_round = !ended && !orphaned;
}

Syncable::Snapshot FileWriter::Core::take_snapshot() {
  // A write that takes its time is for the next round.
  const std::unique_lock guard(on_disk.mutex, std::try_to_lock);
  if (!guard) return {};
  // Closed meanwhile, or nothing new.
  if (!on_disk.file || on_disk.file->size() == on_disk.snapshot) return {};
  return {on_disk.file, on_disk.take_range()};
}

void FileWriter::Core::handle_synced(const SyncRange& range, const Result<void>& result) {
  dirty = in_round = false;
  if (orphaned || ended) return;
  const Instant next_since = std::exchange(next_dirty_since, {}).value_or(dirty_since);
  if (range.to > range.from) {
    synced_to = range.to;
    if (result) {
      counters.written_to_durable.add(context.now() - dirty_since);
    } else if (result.error().code != ErrorCode::not_found) {
      ++counters.failed_syncs;
    }
    if (synced) synced(range, result);
  }
  if (written > synced_to) mark_dirty(next_since);
  if (closing && may_send()) send(context.now());
}

// Of what the close was to make durable.
void FileWriter::Core::report_last_range() {
  if (!flight.result) ++counters.failed_syncs;
  if (synced && flight.last_range->to > flight.last_range->from) synced(*flight.last_range, flight.result);
}

void FileWriter::Core::abandon() {
  context.storage.post([core = shared_from_this()] {
    const std::lock_guard guard(core->on_disk.mutex);
    core->on_disk.file.reset();
  });
}

void FileWriter::Core::report_closed(Result<void> result) {
  ended = true;
  if (closed) std::exchange(closed, nullptr)(std::move(result));
}

FileWriter::FileWriter(const StorageContext& context, std::string path, Lock lock, Synced synced)
    : core_(std::make_shared<Core>(context, std::move(path), lock, std::move(synced))) {
  core_->send(core_->context.now());
  core_->next_write = {};  // what comes first is not kept waiting
}

FileWriter::FileWriter(const StorageContext& context, std::string path, std::shared_ptr<File> file,
                       Synced synced)
    : core_(std::make_shared<Core>(context, std::move(path), Lock::none, std::move(synced))) {
  core_->written = core_->synced_to = core_->on_disk.snapshot = file->size();
  core_->on_disk.file = std::move(file);
}

FileWriter::~FileWriter() {
  core_->orphaned = true;
  core_->leave_cadence();
  core_->closed = nullptr;
  core_->synced = nullptr;
  if (!core_->busy) core_->abandon();
}

bool FileWriter::accepts(std::size_t bytes) const {
  if (core_->ended || core_->closing || !core_->context.budget.has_room(bytes)) return false;
  return core_->pending() == 0 || core_->pending() + bytes <= max_pending;
}

ByteVector& FileWriter::buffer() {
  if (core_->filling.capacity() == 0 && core_->context.buffers != nullptr) {
    core_->filling = core_->context.buffers->take();
  }
  return core_->filling;
}

void FileWriter::commit(Instant now) {
  Core& core = *core_;
  if (core.ended || core.filling.empty()) return;
  core.account();
  if (!core.committed) core.committed = now;
  if (core.write_due() <= now) core.send(now);
}

void FileWriter::put_back() {
  core_->displaced = true;
}

void FileWriter::close(Instant now, Closed closed) {
  const auto core = core_;  // the callback may destroy us
  CHECK(!core->closing);
  core->closed = std::move(closed);
  if (core->ended) {
    core->context.worker.post([core] {
      core->report_closed(core->error ? Result<void>(std::unexpected(*core->error)) : Result<void>());
    });
    return;
  }
  core->closing = true;
  core->leave_cadence();
  core->next_write = {};
  if (!core->filling.empty()) {
    commit(now);
  } else if (core->may_send() && !core->in_round) {
    core->send(now);
  }
}

void FileWriter::handle_tick(Instant now) {
  const auto core = core_;
  if (!core->busy && std::min(core->retry_at, core->write_due()) <= now) core->send(now);
}

Instant FileWriter::deadline() const {
  return std::min(core_->retry_at, core_->write_due());
}
const std::string& FileWriter::path() const {
  return core_->path;
}
std::uint64_t FileWriter::written() const {
  return core_->written;
}
std::size_t FileWriter::pending() const {
  return core_->pending();
}
const std::optional<Error>& FileWriter::error() const {
  return core_->error;
}
const FileWriter::Counters& FileWriter::counters() const {
  return core_->counters;
}

}  // namespace holdfast::storage
