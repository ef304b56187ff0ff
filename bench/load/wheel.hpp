#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "base/time.hpp"

namespace holdfast::bench {

// What is due when, in slots of a few milliseconds: an item comes up at the first slot boundary at or after
// its time, never early, those of one slot in the order in which they were scheduled. Scheduling and taking
// cost the same however many items wait; nothing is allocated once the slots have grown. One thread.
template <typename Item>
class Wheel {
 public:
  Wheel(Instant begin, Duration slot) : begin_(begin), slot_(slot), slots_(slot_count) {}

  // A time that has passed comes up at the next boundary.
  void schedule(Instant due, Item item) {
    const Duration since = std::max(due - begin_, Duration::zero());
    const std::int64_t boundary = (since + slot_ - Duration(1)) / slot_;
    const std::int64_t at = std::max(boundary, done_ + 1);
    slots_[static_cast<std::size_t>(at) % slot_count].push_back({at, due, std::move(item)});
  }
  // Hands over what has come up by `now`: handle(due, item), which may schedule.
  template <typename Handle>
  void advance(Instant now, Handle&& handle) {
    while (next() <= now) {
      ++done_;
      auto& slot = slots_[static_cast<std::size_t>(done_) % slot_count];
      taken_.clear();
      std::swap(taken_, slot);
      for (Entry& entry : taken_) {
        if (entry.at == done_) {
          handle(entry.due, entry.item);
        } else {
          slots_[static_cast<std::size_t>(done_) % slot_count].push_back(
              std::move(entry));  // of a later turn
        }
      }
    }
  }
  // The boundary that comes up next.
  Instant next() const { return begin_ + (done_ + 1) * slot_; }

 private:
  static constexpr std::size_t slot_count = 256;
  struct Entry {
    std::int64_t at;  // the number of its boundary
    Instant due;
    Item item;
  };

  const Instant begin_;
  const Duration slot_;
  std::vector<std::vector<Entry>> slots_;
  std::vector<Entry> taken_;
  std::int64_t done_ = -1;
};

}  // namespace holdfast::bench
