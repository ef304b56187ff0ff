#include "sim/power_cuts.hpp"

#include <algorithm>

namespace holdfast::sim {

bool PowerCuts::advance() {
  using Kind = SimDisk::Operation::Kind;
  if (done_ == operations_.size()) return false;
  const SimDisk::Operation& operation = operations_[done_++];
  if (files_.size() <= operation.file) files_.resize(operation.file + 1);
  File& file = files_[operation.file];
  switch (operation.kind) {
    case Kind::create:
    case Kind::rename:
      file.path = operation.path;
      break;
    case Kind::append:
      file.data.insert(file.data.end(), operation.bytes.begin(), operation.bytes.end());
      break;
    case Kind::sync:
      file.synced = file.data.size();
      break;
    case Kind::sync_all:
      for (File& each : files_) each.synced = each.data.size();
      break;
    case Kind::remove:
      file.path.clear();
      break;
    case Kind::truncate:
      file.data.resize(static_cast<std::size_t>(operation.size));
      file.synced = std::min(file.synced, file.data.size());
      break;
  }
  return true;
}

std::size_t PowerCuts::last_size() const {
  const SimDisk::Operation& last = operations_[done_ - 1];
  return last.kind == SimDisk::Operation::Kind::append ? last.bytes.size() : 0;
}

std::unique_ptr<SimDisk> PowerCuts::image(std::size_t torn, Unsynced unsynced, Random& random) const {
  auto disk = std::make_unique<SimDisk>();
  const std::size_t written_last = last_size();
  for (std::size_t i = 0; i < files_.size(); ++i) {
    const File& file = files_[i];
    if (file.path.empty()) continue;
    const bool is_last = written_last > 0 && i == operations_[done_ - 1].file;
    const std::size_t before = file.data.size() - (is_last ? written_last : 0);
    std::size_t size = file.synced;
    if (unsynced == Unsynced::kept) size = std::max(size, before);
    if (unsynced == Unsynced::some) size += random.below(std::max(before, size) - size + 1);
    // A piece of the last write is only there if all that is in front of it is.
    if (is_last && size == before) size += std::min(torn, written_last);
    disk->put(file.path,
              ByteVector(file.data.begin(), file.data.begin() + static_cast<std::ptrdiff_t>(size)));
  }
  return disk;
}

std::size_t PowerCuts::synced(const std::string& path) const {
  const auto found = std::ranges::find(files_, path, &File::path);
  return found == files_.end() ? 0 : found->synced;
}

}  // namespace holdfast::sim
