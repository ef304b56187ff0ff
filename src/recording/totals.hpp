#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "recording/status.hpp"

namespace holdfast::recording {

// Counters of all recordings of this process, added up by mint id: none of them ever falls, also when a
// recording ends, or another one starts under its mint id. At most `limit` mint ids have a series of their
// own, the first ones; all others share one. A recording stays in the series that it began in. The series of
// a mint id outlives its recordings until another mint id needs its place, the longest idle first. One
// thread.
class Totals {
 public:
  struct Frames {
    std::uint64_t lost = 0;
    std::uint64_t damaged = 0;
    std::uint64_t filler = 0;
  };
  struct Series {
    std::string mint_id{};                  // empty: the shared one
    std::array<PacketCounts, 2> packets{};  // by media::Kind; of `pending` what is so now
    std::array<Frames, 2> frames{};         // by media::Kind
    double gap_seconds = 0;
    std::size_t active = 0;   // recordings
    std::uint64_t ended = 0;  // the higher, the later the last one ended; 0: none has
  };

  explicit Totals(std::size_t limit) : limit_(limit) {}

  // The recording's counts as they are now.
  void update(const Status& status);
  // They are final.
  void end(const Status& status);

  // The shared one is the last, if any recording was ever in it.
  std::vector<const Series*> series() const;
  // The series that counts this recording; the shared one if it was never updated.
  const Series& series_of(std::string_view recording_id) const;

 private:
  // What of a recording is in its series already.
  struct Counted {
    Series* series = nullptr;
    std::array<PacketCounts, 2> packets{};
    std::array<Frames, 2> frames{};
    double gap_seconds = 0;
  };
  Series& choose(const std::string& mint_id);

  const std::size_t limit_;
  std::map<std::string, Series, std::less<>> own_;  // by mint id
  Series shared_;
  bool shared_used_ = false;
  std::map<std::string, Counted, std::less<>> recordings_;  // by recording id
  std::uint64_t ends_ = 0;
};

}  // namespace holdfast::recording
