#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.hpp"

namespace holdfast::recording {

// What recordings share, and what can be full.
enum class Resource : std::uint8_t {
  worker,      // the thread from socket to container
  transcoder,  // the thread that makes AAC
  storage,     // the thread that writes
  processors,  // all of them together
  disk,        // writes that have to wait
};
inline constexpr std::size_t resource_count = 5;
std::string_view to_string(Resource resource);

// Whether a recording's sound goes through the transcoder.
enum class Transcoding : std::uint8_t { none, aac };

// Recordings, and how far a measured load is theirs.
struct Burden {
  unsigned count = 0;  // all that were admitted and have not ended
  // The load shows so many of them: one that had media for half of the time in which it was measured is half
  // a recording. The others may cost as much at any time: they connect, wait, are in a gap, or have just
  // begun.
  double shown = 0;
  unsigned fresh = 0;  // admitted within Admission::settling
};

// The threads of one worker. Loads: the share of time in which a thread had work in hand, 0..1.
struct WorkerLoad {
  double worker = 0;
  double transcoder = 0;
  double storage = 0;
  Burden recordings{};
  Burden transcoded{};  // of them
};

// As measured over the last few seconds.
struct MachineLoad {
  std::vector<WorkerLoad> workers;
  double processors = 0;  // what this process had, as a share of all processors
  Duration disk_wait{};   // for how long the write at hand has been under way, the slowest of them
};

// Why no further recording may start.
struct Refusal {
  Resource resource;
  std::string why;  // for people: how loaded, what limit, what to do
};

// Whether the machine carries one recording more, by what those that run were measured to cost. Pure.
//
// The rule: one more would cost a thread the average of what those that the load shows cost all threads of
// that kind. Those that it does not show are counted at that average, so that a burst of starts is not let in
// unseen. As long as it shows too few there is no average: then the measured load alone counts, and no more
// than most_fresh may begin at a time.
class Admission {
 public:
  // Recordings of which the average is taken, at least.
  static constexpr double known_from = 4;
  static constexpr Duration settling = std::chrono::seconds(4);
  // A worker's, while nothing is known of their cost; AAC costs ten times the rest.
  static constexpr unsigned most_fresh = 100;
  static constexpr unsigned most_fresh_transcoded = 30;
  static constexpr Duration longest_wait = std::chrono::seconds(2);  // of a write

  // `limit`: the load that no thread, nor the processors together, may be expected to reach. 0: none.
  explicit Admission(double limit) : limit_(limit) {}

  // The worker on which one more would go: the one with the lowest load to be expected. `load` names at least
  // one.
  static std::size_t choose(const MachineLoad& load, Transcoding transcoding);
  // Whether one more may go there; nothing: it may.
  std::optional<Refusal> judge(const MachineLoad& load, Transcoding transcoding) const;

 private:
  const double limit_;
};

}  // namespace holdfast::recording
