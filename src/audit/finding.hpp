#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "media/frame.hpp"

namespace holdfast::audit {

// What kind of thing was found; docs/verify.md lists them with what to do.
enum class What : std::uint8_t {
  checksum,        // bytes are not those that were written
  checksum_chain,  // bytes that no checksum covers, or two do
  size,            // shorter or longer than the journal says
  missing_part,
  structure,      // the container is broken: sync, boxes, elements, headers
  continuity,     // packets are missing, twice, or out of order
  tables,         // PAT or PMT
  clock,          // PCR
  times,          // PTS or DTS
  random_access,  // a key frame that cannot be begun with
  hole,           // no media for a while, and the journal does not say why
  frames,         // another number of frames than the ledger counted
  ledger,         // its sums do not come out
  journal_line,   // lines that were changed, or are missing
  journal_order,
  tail,     // the end was being written when the recorder died
  unsafe,   // the disk had not promised these bytes
  trimmed,  // the recorder cut the end itself, when it came back
  no_journal,
  version,  // of a newer Holdfast
};
// As in JSON: "checksum", "checksum_chain", ...
std::string_view to_string(What what);
// One sentence for the person who has to do something; empty where nothing is to be done.
std::string_view advice(What what);

enum class Severity : std::uint8_t {
  note,   // worth knowing, nothing is wrong
  fault,  // makes the recording `damaged`
};

struct Finding {
  What what = What::structure;
  Severity severity = Severity::fault;
  std::string file{};                     // path
  std::optional<std::uint64_t> from{};    // bytes
  std::optional<std::uint64_t> to{};      // exclusive
  std::optional<std::uint64_t> packet{};  // MPEG-TS: the number of the packet at `from`, from 0
  std::optional<media::Ticks> pts{};
  std::string detail{};
};

// The findings of one recording, in the order in which they were made. One thread. Keeps the first `limit` of
// either severity and counts the rest, so that a file of noise costs no memory.
class Findings {
 public:
  static constexpr std::size_t limit = 200;

  void add(Finding finding);

  const std::vector<Finding>& listed() const { return listed_; }
  std::uint64_t faults() const { return faults_; }
  std::uint64_t notes() const { return notes_; }
  std::uint64_t left_out() const { return faults_ + notes_ - listed_.size(); }

 private:
  std::vector<Finding> listed_;
  std::uint64_t faults_ = 0;
  std::uint64_t notes_ = 0;
};

// "00:12:03.250" of media time since the recording's first frame (90,000 ticks).
std::string format_media_time(media::Ticks pts);

}  // namespace holdfast::audit
