#include "audit/ts_sync.hpp"

#include <algorithm>

namespace holdfast::audit {

void TsSync::feed(Bytes bytes, Sink& sink) {
  while (!rest_.empty() && !bytes.empty()) {
    // As much as settles what was left over; then on within the piece itself, uncopied.
    const std::size_t before = rest_.size();
    const std::size_t taken = std::min<std::size_t>(bytes.size(), 16 * size);
    rest_.insert(rest_.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(taken));
    const std::size_t used = consume(rest_, More::yes, sink);
    if (used < before) {
      rest_.erase(rest_.begin(), rest_.begin() + static_cast<std::ptrdiff_t>(used));
      bytes = bytes.subspan(taken);
      continue;
    }
    rest_.clear();
    bytes = bytes.subspan(used - before);
  }
  if (bytes.empty()) return;
  const Bytes left = bytes.subspan(consume(bytes, More::yes, sink));
  rest_.assign(left.begin(), left.end());
}

void TsSync::finish(Sink& sink) {
  const std::size_t used = consume(rest_, More::no, sink);
  if (lost_at_) sink.take_noise(*lost_at_, offset_);
  if (used < rest_.size()) sink.take_rest(offset_, rest_.size() - used);
}

bool TsSync::is_in_step(Bytes bytes) {
  for (std::size_t i = 0; i < in_step * size && i < bytes.size(); i += size) {
    if (bytes[i] != container::ts::sync_byte) return false;
  }
  return true;
}

std::size_t TsSync::consume(Bytes bytes, More more, Sink& sink) {
  std::size_t at = 0;
  while (bytes.size() - at >= size) {
    const Bytes rest = bytes.subspan(at);
    if (rest[0] == container::ts::sync_byte && !lost_at_) {
      sink.take_packet(offset_, rest.first(size));
      at += size;
      offset_ += size;
      continue;
    }
    if (more == More::yes && rest.size() < (in_step + 1) * size) break;  // must see farther
    if (lost_at_ && is_in_step(rest)) {
      sink.take_noise(*lost_at_, offset_);
      lost_at_.reset();
      continue;
    }
    // One byte may be wrong in a packet that is in its place.
    if (!lost_at_ && rest.size() >= 2 * size && rest[size] == container::ts::sync_byte) {
      sink.take_unmarked(offset_);
      at += size;
      offset_ += size;
      continue;
    }
    if (!lost_at_) lost_at_ = offset_;
    ++at;
    ++offset_;
  }
  if (more == More::no && lost_at_) {
    offset_ += bytes.size() - at;
    at = bytes.size();
  }
  return at;
}

}  // namespace holdfast::audit
