#include "sim/sim_disk.hpp"

#include <algorithm>
#include <filesystem>
#include <utility>

namespace holdfast::sim {
namespace {

std::string parent_of(const std::string& path) {
  return std::filesystem::path(path).parent_path().string();
}

std::unexpected<Error> no_such(const std::string& path) {
  return fail(ErrorCode::not_found, "{}: no such file", path);
}

std::unexpected<Error> broken(const std::string& path) {
  return fail(ErrorCode::io, "{}: input/output error", path);
}

}  // namespace

struct SimDisk::Node {
  struct Range {
    std::size_t from = 0;
    std::size_t to = 0;
  };
  std::size_t number = 0;
  ByteVector data;
  std::size_t synced = 0;
  std::vector<Range> doomed;  // by failed syncs
  const void* lock_owner = nullptr;
  WallTime modified{};
};

class SimDisk::SimFile final : public File {
 public:
  SimFile(SimDisk& disk, std::string path, std::shared_ptr<Node> node)
      : disk_(disk), path_(std::move(path)), node_(std::move(node)) {}
  ~SimFile() override {
    const std::lock_guard guard(disk_.mutex_);
    if (node_->lock_owner == this) node_->lock_owner = nullptr;
  }

  Result<void> append(Bytes bytes) override {
    const std::lock_guard guard(disk_.mutex_);
    ++disk_.calls_.appends;
    if (disk_.failing_) {
      ++disk_.calls_.failures;
      return broken(path_);
    }
    const auto fitting = static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), disk_.free_));
    node_->data.insert(node_->data.end(), bytes.begin(),
                       bytes.begin() + static_cast<std::ptrdiff_t>(fitting));
    disk_.note(Operation::Kind::append, node_->number, {}, bytes.first(fitting));
    disk_.free_ -= fitting;
    if (fitting > 0) node_->modified = disk_.tick();
    if (fitting == bytes.size()) return {};
    ++disk_.calls_.failures;
    return fail(ErrorCode::io, "{}: no space left on device", path_);
  }

  Result<void> sync() override {
    const std::lock_guard guard(disk_.mutex_);
    ++disk_.calls_.syncs;
    if (disk_.failing_) {
      ++disk_.calls_.failures;
      return broken(path_);
    }
    if (disk_.syncs_to_fail_ > 0 && path_.contains(disk_.sync_fails_for_)) {
      --disk_.syncs_to_fail_;
      ++disk_.calls_.failures;
      node_->doomed.push_back({node_->synced, node_->data.size()});
      node_->synced = node_->data.size();
      return broken(path_);
    }
    node_->synced = node_->data.size();
    disk_.note(Operation::Kind::sync, node_->number);
    return {};
  }

  Result<void> sync_file_system() override {
    const std::lock_guard guard(disk_.mutex_);
    ++disk_.calls_.syncs;
    if (disk_.failing_ || disk_.syncs_to_fail_ > 0) {
      ++disk_.calls_.failures;
      return broken(path_);
    }
    for (const auto& [path, node] : disk_.files_) node->synced = node->data.size();
    disk_.note(Operation::Kind::sync_all, node_->number);
    return {};
  }

  bool is_in_place() const override {
    const std::lock_guard guard(disk_.mutex_);
    const auto there = disk_.files_.find(path_);
    return there != disk_.files_.end() && there->second == node_;
  }

  Result<void> put_back() override {
    const std::lock_guard guard(disk_.mutex_);
    if (disk_.failing_) return broken(path_);
    if (!disk_.directories_.contains(parent_of(path_))) return no_such(path_);
    const auto [there, put] = disk_.files_.emplace(path_, node_);
    if (put) {
      node_->synced = node_->data.size();
      disk_.touch_parent(path_);
    }
    if (there->second == node_) return {};
    return fail(ErrorCode::conflict, "{} was moved, and another file lies in its place", path_);
  }

  std::uint64_t size() const override {
    const std::lock_guard guard(disk_.mutex_);
    return node_->data.size();
  }

  Result<void> lock() override {
    const std::lock_guard guard(disk_.mutex_);
    if (node_->lock_owner != nullptr && node_->lock_owner != this) {
      return fail(ErrorCode::conflict, "{} is locked by another process", path_);
    }
    node_->lock_owner = this;
    return {};
  }

 private:
  SimDisk& disk_;
  const std::string path_;
  const std::shared_ptr<Node> node_;
};

SimDisk::SimDisk() = default;
SimDisk::~SimDisk() = default;

Result<std::unique_ptr<File>> SimDisk::create(const std::string& path) {
  const std::lock_guard guard(mutex_);
  ++calls_.creates;
  if (failing_) {
    ++calls_.failures;
    return broken(path);
  }
  if (!directories_.contains(parent_of(path))) return no_such(path);
  if (files_.contains(path)) return fail(ErrorCode::conflict, "{} exists", path);
  const auto node = std::make_shared<Node>();
  node->modified = tick();
  node->number = files_made_++;
  files_.emplace(path, node);
  note(Operation::Kind::create, node->number, path);
  touch_parent(path);
  return std::make_unique<SimFile>(*this, path, node);
}

Result<std::unique_ptr<File>> SimDisk::open(const std::string& path) {
  const std::lock_guard guard(mutex_);
  const auto file = files_.find(path);
  if (file == files_.end()) return no_such(path);
  return std::make_unique<SimFile>(*this, path, file->second);
}

Result<ByteVector> SimDisk::read(const std::string& path, std::uint64_t offset, std::uint64_t size) {
  const std::lock_guard guard(mutex_);
  const auto file = files_.find(path);
  if (file == files_.end()) return no_such(path);
  const ByteVector& data = file->second->data;
  const auto from = std::min<std::uint64_t>(offset, data.size());
  const auto count = std::min<std::uint64_t>(size, data.size() - from);
  const auto begin = data.begin() + static_cast<std::ptrdiff_t>(from);
  return ByteVector(begin, begin + static_cast<std::ptrdiff_t>(count));
}

Result<std::vector<DirectoryEntry>> SimDisk::list(const std::string& directory) {
  const std::lock_guard guard(mutex_);
  if (!directories_.contains(directory)) return no_such(directory);
  std::vector<DirectoryEntry> entries;
  for (const auto& [path, node] : files_) {
    if (parent_of(path) != directory) continue;
    entries.push_back({.name = std::filesystem::path(path).filename(),
                       .size = node->data.size(),
                       .is_directory = false,
                       .modified = node->modified});
  }
  for (const auto& [path, modified] : directories_) {
    if (path == directory || parent_of(path) != directory) continue;
    entries.push_back({.name = std::filesystem::path(path).filename(),
                       .size = 0,
                       .is_directory = true,
                       .modified = modified});
  }
  return entries;
}

Result<DirectoryEntry> SimDisk::look(const std::string& path) {
  const std::lock_guard guard(mutex_);
  if (const auto file = files_.find(path); file != files_.end()) {
    return DirectoryEntry{.name = path,
                          .size = file->second->data.size(),
                          .is_directory = false,
                          .modified = file->second->modified};
  }
  const auto folder = directories_.find(path);
  if (folder == directories_.end()) return no_such(path);
  return DirectoryEntry{.name = path, .size = 0, .is_directory = true, .modified = folder->second};
}

void SimDisk::touch_parent(const std::string& path) {
  if (const auto folder = directories_.find(parent_of(path)); folder != directories_.end()) {
    folder->second = tick();
  }
}

Result<void> SimDisk::rename(const std::string& from, const std::string& to) {
  const std::lock_guard guard(mutex_);
  const auto file = files_.extract(from);
  if (file.empty()) return no_such(from);
  note(Operation::Kind::rename, file.mapped()->number, to);
  files_[to] = file.mapped();
  touch_parent(from);
  touch_parent(to);
  return {};
}

Result<void> SimDisk::remove(const std::string& path) {
  const std::lock_guard guard(mutex_);
  const auto file = files_.extract(path);
  if (file.empty()) return no_such(path);
  note(Operation::Kind::remove, file.mapped()->number);
  touch_parent(path);
  return {};
}

Result<void> SimDisk::truncate(const std::string& path, std::uint64_t size) {
  const std::lock_guard guard(mutex_);
  const auto file = files_.find(path);
  if (file == files_.end()) return no_such(path);
  Node& node = *file->second;
  node.data.resize(size);
  node.modified = tick();
  node.synced = std::min(node.synced, node.data.size());
  note(Operation::Kind::truncate, node.number, {}, {}, size);
  return {};
}

Result<void> SimDisk::make_directories(const std::string& path) {
  const std::lock_guard guard(mutex_);
  if (failing_) return broken(path);
  std::filesystem::path so_far;
  for (const auto& step : std::filesystem::path(path)) {
    so_far /= step;
    const auto [folder, is_new] = directories_.emplace(so_far.string(), WallTime{});
    if (!is_new) continue;
    folder->second = tick();
    touch_parent(so_far.string());
  }
  return {};
}

Result<std::uint64_t> SimDisk::free_space(const std::string&) {
  const std::lock_guard guard(mutex_);
  return free_;
}

void SimDisk::set_free_space(std::uint64_t bytes) {
  const std::lock_guard guard(mutex_);
  free_ = bytes;
}

void SimDisk::fail_writes(bool fail) {
  const std::lock_guard guard(mutex_);
  failing_ = fail;
}

void SimDisk::fail_syncs(std::string part, int count) {
  const std::lock_guard guard(mutex_);
  sync_fails_for_ = std::move(part);
  syncs_to_fail_ = count;
}

void SimDisk::note(Operation::Kind kind, std::size_t file, std::string path, Bytes bytes,
                   std::uint64_t size) {
  if (!recording_) return;
  operations_.push_back({kind, file, std::move(path), ByteVector(bytes.begin(), bytes.end()), size});
}

void SimDisk::put(const std::string& path, ByteVector data) {
  const std::lock_guard guard(mutex_);
  const auto node = std::make_shared<Node>();
  node->number = files_made_++;
  node->synced = data.size();
  node->data = std::move(data);
  node->modified = tick();
  files_[path] = node;
  directories_.emplace(parent_of(path), WallTime{});
  touch_parent(path);
}

void SimDisk::cut_power(std::uint64_t kept) {
  const std::lock_guard guard(mutex_);
  for (auto& [path, node] : files_) {
    // Files still open go on with a node that nobody can reach any more.
    auto after = std::make_shared<Node>(*node);
    const auto unsynced = after->data.size() - after->synced;
    after->data.resize(after->synced + static_cast<std::size_t>(std::min<std::uint64_t>(kept, unsynced)));
    for (const auto& range : after->doomed) {
      std::fill(after->data.begin() + static_cast<std::ptrdiff_t>(range.from),
                after->data.begin() + static_cast<std::ptrdiff_t>(range.to), std::uint8_t{0});
    }
    after->doomed.clear();
    after->synced = after->data.size();
    after->lock_owner = nullptr;
    node = std::move(after);
  }
}

void SimDisk::kill_process() {
  const std::lock_guard guard(mutex_);
  for (auto& [path, node] : files_) {
    node = std::make_shared<Node>(*node);
    node->lock_owner = nullptr;
  }
}

ByteVector SimDisk::content(const std::string& path) const {
  const std::lock_guard guard(mutex_);
  const auto file = files_.find(path);
  return file == files_.end() ? ByteVector() : file->second->data;
}

bool SimDisk::exists(const std::string& path) const {
  const std::lock_guard guard(mutex_);
  return files_.contains(path);
}

SimDisk::Calls SimDisk::calls() const {
  const std::lock_guard guard(mutex_);
  return calls_;
}

void SimStorageThread::post(Job job) {
  jobs_.push_back({.at = now_, .job = std::move(job)});
}

void SimStorageThread::run(Instant now) {
  while (!jobs_.empty()) {
    const Instant done = std::max(free_at_, jobs_.front().at) + latency_;
    if (done > now) break;
    Job job = std::move(jobs_.front().job);
    jobs_.pop_front();
    now_ = free_at_ = std::max(now_, done);
    job();
  }
  now_ = std::max(now_, now);
}

}  // namespace holdfast::sim
