#include "rtp/packet_pool.hpp"

namespace holdfast::rtp {

PacketPool::Handle PacketPool::acquire() {
  if (free_.empty()) {
    if (slots_.size() >= limit_) return Handle(nullptr, Release{this});
    slots_.push_back(std::make_unique<Slot>());
    free_.reserve(slots_.capacity());  // so that giving one back never allocates
    free_.push_back(slots_.back().get());
  }
  Slot* slot = free_.back();
  free_.pop_back();
  return Handle(slot, Release{this});
}

}  // namespace holdfast::rtp
