#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "audit/finding.hpp"
#include "base/bytes.hpp"
#include "container/muxer.hpp"

namespace holdfast::audit {

// What the bytes of one file say of a track.
struct TrackStructure {
  media::Kind kind = media::Kind::video;
  std::string codec{};  // as in the journal; of others the container's own word
  int width = 0;
  int height = 0;
  int sample_rate = 0;
  int channels = 0;
  std::uint64_t frames = 0;
  std::uint64_t key_frames = 0;
  std::optional<media::Ticks> first_pts{};
  std::optional<media::Ticks> last_pts{};  // the highest
  media::Ticks usual_step = 0;             // from one frame to the next
};

// No media on any track.
struct Hole {
  media::Ticks from = 0;
  media::Ticks to = 0;
  std::uint64_t offset = 0;  // of the first frame behind it
};

struct Structure {
  static constexpr media::Ticks hole_after = 2 * media::ticks_per_second;
  static constexpr std::size_t max_holes = 10'000;

  std::vector<TrackStructure> tracks{};
  std::vector<Hole> holes{};
  std::optional<media::Ticks> first{};  // the lowest PTS
  std::optional<media::Ticks> last{};   // the highest PTS and its frame's duration, where that is known
  // Up to the end of the last packet, fragment or cluster that is whole.
  std::uint64_t whole_bytes = 0;
  // An MP4 with an index, made after the end; its times begin at 0.
  bool has_index = false;
};

// How much is asked of a file.
enum class Rules : std::uint8_t {
  ours,     // everything that our muxers keep
  anybodys  // what every reader needs; what only we promise is a note
};
// What is known of the file's last bytes.
enum class Ending : std::uint8_t { whole, cut };

// Reads a file once, front to back, in pieces of any size, and tells what is wrong with it. Any bytes are
// allowed; memory is bounded by what one table or frame header needs, however long the file. One thread.
class StructureReader {
 public:
  // Told of runs of bytes that belong in a repaired file: [from, to).
  using Keep = std::function<void(std::uint64_t from, std::uint64_t to)>;

  StructureReader(Findings& findings, std::string file, Rules rules)
      : findings_(findings), file_(std::move(file)), rules_(rules) {}
  virtual ~StructureReader() = default;
  StructureReader(const StructureReader&) = delete;
  StructureReader& operator=(const StructureReader&) = delete;

  virtual void feed(Bytes bytes) = 0;
  // There is no more. `cut`: that the last unit is not whole is no fault.
  virtual void finish(Ending ending) = 0;

  const Structure& structure() const { return structure_; }
  // Media time about where the reading is.
  std::optional<media::Ticks> position() const { return position_; }
  // Faults from here on are notes: bytes that nobody promised.
  void forgive_from(std::uint64_t offset) { forgiven_from_ = offset; }
  // Not for MPEG-TS.
  void on_keep(Keep keep) { keep_ = std::move(keep); }

 protected:
  struct SeenFrame {
    std::size_t track = 0;
    media::Ticks pts = 0;
    media::Ticks duration = 0;
    bool key = false;
    std::uint64_t offset = 0;
  };
  void note_frame(const SeenFrame& seen);
  void keep(std::uint64_t from, std::uint64_t to) const {
    if (keep_ && to > from) keep_(from, to);
  }

  template <typename... Args>
  void fault(What what, std::uint64_t offset, fmt::format_string<Args...> format, Args&&... args) {
    report(what, Severity::fault, offset, fmt::format(format, std::forward<Args>(args)...));
  }
  // A fault in our own files, a note in others'.
  template <typename... Args>
  void irregular(What what, std::uint64_t offset, fmt::format_string<Args...> format, Args&&... args) {
    report(what, rules_ == Rules::ours ? Severity::fault : Severity::note, offset,
           fmt::format(format, std::forward<Args>(args)...));
  }
  void report(What what, Severity severity, std::uint64_t offset, std::string detail);
  virtual std::optional<std::uint64_t> packet_at(std::uint64_t) const { return std::nullopt; }

  Rules rules() const { return rules_; }
  Structure structure_;
  std::optional<media::Ticks> position_;

 private:
  void look_for_hole(const SeenFrame& seen);

  Findings& findings_;
  const std::string file_;
  const Rules rules_;
  std::optional<std::uint64_t> forgiven_from_;
  Keep keep_;
};

// `near`: about when the file begins on the recording's clock, for MPEG-TS, whose times have 33 bits only.
std::unique_ptr<StructureReader> make_structure_reader(container::Format format, Findings& findings,
                                                       std::string file, Rules rules, media::Ticks near = 0);

// By the first bytes, else nothing.
std::optional<container::Format> recognise(Bytes head);

}  // namespace holdfast::audit
