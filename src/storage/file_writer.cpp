#include "storage/file_writer.hpp"

#include <algorithm>
#include <filesystem>
#include <utility>

namespace holdfast::storage {

void LatencyHistogram::add(Duration duration) {
  const auto us = to_microseconds(duration);
  const auto bucket = std::ranges::lower_bound(bounds_us, us) - bounds_us.begin();
  ++counts[static_cast<std::size_t>(bucket)];
  ++count;
  sum_us += us;
}

LatencyHistogram& LatencyHistogram::operator+=(const LatencyHistogram& other) {
  for (std::size_t i = 0; i < counts.size(); ++i) counts[i] += other.counts[i];
  count += other.count;
  sum_us += other.sum_us;
  return *this;
}

FileWriter::Counters& FileWriter::Counters::operator+=(const Counters& other) {
  commit_to_written += other.commit_to_written;
  write_call += other.write_call;
  writes += other.writes;
  failed_writes += other.failed_writes;
  return *this;
}

namespace {

// What a write needs, and what came of it. The storage thread's while a job is in flight, else the worker's.
struct Flight {
  std::unique_ptr<File> file;  // touched on the storage thread only, once there is one
  bool locked = false;
  ByteVector bytes;
  std::size_t done = 0;  // of bytes
  Instant committed{};
  bool last = false;  // sync and close afterwards

  Result<void> result;
  bool hopeless = false;  // trying again cannot help
  Instant finished{};
  std::optional<Duration> call;  // what the write itself took

  Result<void> open(Disk& disk, const std::string& path, Lock lock);
  Result<void> write(const StorageContext& context);
  Result<void> run(const StorageContext& context, const std::string& path, Lock lock);
};

Result<void> Flight::open(Disk& disk, const std::string& path, Lock lock) {
  if (!file) {
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
    file = *std::move(created);
  }
  if (lock == Lock::none || locked) return {};
  const auto taken = file->lock();
  locked = taken.has_value();
  return taken;
}

Result<void> Flight::write(const StorageContext& context) {
  if (done == bytes.size()) return {};
  const auto size_before = file->size();
  const Instant begun = context.now();
  const auto appended = file->append(Bytes(bytes).subspan(done));
  call = context.now() - begun;
  done += static_cast<std::size_t>(file->size() - size_before);
  return appended;
}

Result<void> Flight::run(const StorageContext& context, const std::string& path, Lock lock) {
  call.reset();
  if (auto opened = open(context.disk, path, lock); !opened) return opened;
  if (auto written = write(context); !written || !last) return written;
  const auto synced = file->sync();
  file.reset();
  // After a failed sync nobody knows what is on disk, and a second one would say all is well.
  hopeless = !synced;
  return synced;
}

}  // namespace

struct FileWriter::Core : std::enable_shared_from_this<Core> {
  Core(const StorageContext& c, std::string p, Lock l) : context(c), path(std::move(p)), lock(l) {}
  ~Core() { context.budget.give_back(budgeted); }

  void account();
  void send();
  void handle_done();
  void report_closed(Result<void> result);
  std::size_t pending() const { return filling.size() + flying; }

  const StorageContext context;
  const std::string path;
  const Lock lock;

  ByteVector filling;
  std::optional<Instant> committed;  // when the oldest bytes that wait in `filling` were committed
  std::size_t budgeted = 0;          // what we hold of the budget
  std::size_t flying = 0;            // bytes in flight, or to be tried again
  Flight flight;
  bool busy = false;  // a job is in flight
  bool closing = false;
  bool ended = false;  // closed, or beyond hope
  bool orphaned = false;
  Instant retry_at = never;
  Closed closed;
  std::uint64_t written = 0;
  std::optional<Error> error;
  Counters counters;
};

// Takes from the budget what came into the buffer since.
void FileWriter::Core::account() {
  const std::size_t added = pending() - budgeted;
  context.budget.take(added);
  budgeted += added;
}

void FileWriter::Core::send() {
  account();
  if (flying == 0) {
    std::swap(filling, flight.bytes);
    flight.done = 0;
    flight.committed = committed.value_or(Instant{});
    committed.reset();
    flying = flight.bytes.size();
  }
  flight.last = closing && filling.empty();
  busy = true;
  retry_at = never;
  context.storage.post([core = shared_from_this()] {
    Flight& job = core->flight;
    job.result = job.run(core->context, core->path, core->lock);
    job.finished = core->context.now();
    core->context.worker.post([core] { core->handle_done(); });
  });
}

void FileWriter::Core::handle_done() {
  // A buffer that grew while the disk stood still is not kept for good.
  constexpr std::size_t largest_kept = std::size_t{1} << 20;

  busy = false;
  const std::size_t left = flight.bytes.size() - flight.done;
  const std::size_t progress = flying - left;
  flying = left;
  written += progress;
  budgeted -= progress;
  context.budget.give_back(progress);
  if (orphaned) {
    context.storage.post([core = shared_from_this()] { core->flight.file.reset(); });
    return;
  }
  if (flight.call) {
    ++counters.writes;
    counters.write_call.add(*flight.call);
  }
  if (!flight.result) {
    if (flight.call) ++counters.failed_writes;
    error = flight.result.error();
    if (flight.hopeless) return report_closed(flight.result);
    retry_at = flight.finished + retry_interval;
    return;
  }
  error.reset();
  if (!flight.bytes.empty()) counters.commit_to_written.add(flight.finished - flight.committed);
  flight.bytes.clear();
  if (flight.bytes.capacity() > largest_kept) flight.bytes = ByteVector();
  if (flight.last) return report_closed({});
  if (committed || closing) send();
}

void FileWriter::Core::report_closed(Result<void> result) {
  ended = true;
  if (closed) std::exchange(closed, nullptr)(std::move(result));
}

FileWriter::FileWriter(const StorageContext& context, std::string path, Lock lock)
    : core_(std::make_shared<Core>(context, std::move(path), lock)) {
  core_->send();
}

FileWriter::~FileWriter() {
  core_->orphaned = true;
  core_->closed = nullptr;
  if (!core_->busy) {
    core_->context.storage.post([core = core_] { core->flight.file.reset(); });
  }
}

bool FileWriter::accepts(std::size_t bytes) const {
  if (core_->ended || core_->closing || !core_->context.budget.has_room(bytes)) return false;
  return core_->pending() == 0 || core_->pending() + bytes <= max_pending;
}

ByteVector& FileWriter::buffer() {
  return core_->filling;
}

void FileWriter::commit(Instant now) {
  Core& core = *core_;
  if (core.ended || core.filling.empty()) return;
  core.account();
  if (!core.committed) core.committed = now;
  if (!core.busy && core.retry_at == never) core.send();
}

void FileWriter::close(Instant now, Closed closed) {
  const auto core = core_;  // the callback may destroy us
  core->closed = std::move(closed);
  if (core->ended) {
    core->context.worker.post([core] {
      core->report_closed(core->error ? Result<void>(std::unexpected(*core->error)) : Result<void>());
    });
    return;
  }
  core->closing = true;
  if (!core->filling.empty()) {
    commit(now);
  } else if (!core->busy && core->retry_at == never) {
    core->send();
  }
}

void FileWriter::handle_tick(Instant now) {
  const auto core = core_;
  if (!core->busy && core->retry_at <= now) core->send();
}

Instant FileWriter::deadline() const {
  return core_->retry_at;
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
