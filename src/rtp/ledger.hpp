#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace holdfast::rtp {

// Why a packet that came is not in the file.
enum class DropCause : std::uint8_t {
  incomplete,    // another packet of its frame was lost
  no_key_frame,  // before the first key frame of the track
  malformed,     // broken payload
  empty,         // padding, or nothing in it that belongs in a file
  disk,          // the disk was full or too slow
  blank_tail,    // the server's blank pictures at the end of a track
  container,     // the file format does not take it
  overload,      // a stage of ours (transcoding) did not keep up
  damaged,       // whole, but a frame before it is missing, and damaged pictures were not wanted
};
// How a packet came after all.
enum class Recovery : std::uint8_t {
  nack,  // sent again under its own SSRC, because we asked
  rtx,   // sent again under the SSRC of RTX, because we asked
  red,   // rebuilt from another packet's redundancy
};
inline constexpr std::size_t recoveries = 3;
inline constexpr std::array all_drop_causes{
    DropCause::incomplete, DropCause::no_key_frame, DropCause::malformed, DropCause::empty,  DropCause::disk,
    DropCause::blank_tail, DropCause::container,    DropCause::overload,  DropCause::damaged};
inline constexpr std::size_t drop_causes = all_drop_causes.size();
// As the journal and the API say it: "no_key_frame".
std::string_view to_string(DropCause cause);

// What became of every packet of one track. A packet is expected once its sequence number is at or below the
// highest one seen, and from then on is in exactly one place: pending, written, lost or dropped. So at any
// instant
//
//   expected == written + lost + dropped + pending
//
// The receive stream expects and loses; whoever takes the frames writes or drops. One ledger serves the track
// for its whole life, over any number of SSRCs. One thread.
class Ledger {
 public:
  void expect(std::uint64_t packets) {
    expected_ += packets;
    pending_ += packets;
  }
  // The three ways out of pending. Settling more than is pending is our own mistake: check() fails for good.
  void write(std::uint64_t packets) { written_ += settle(packets); }
  void lose(std::uint64_t packets) { lost_ += settle(packets); }
  void drop(DropCause cause, std::uint64_t packets) { dropped_[index(cause)] += settle(packets); }

  // Beside the sum.
  void add_recovered(Recovery how) { ++recovered_[static_cast<std::size_t>(how)]; }
  void add_duplicate() { ++duplicates_; }
  void add_late() { ++late_; }

  std::uint64_t expected() const { return expected_; }
  std::uint64_t written() const { return written_; }
  std::uint64_t lost() const { return lost_; }
  std::uint64_t dropped() const;
  std::uint64_t dropped(DropCause cause) const { return dropped_[index(cause)]; }
  // Missing and still awaited, or received and not yet settled.
  std::uint64_t pending() const { return pending_; }
  // Of written, dropped or pending: those that did not come by themselves.
  std::uint64_t recovered() const { return recovered_[0] + recovered_[1] + recovered_[2]; }
  std::uint64_t recovered(Recovery how) const { return recovered_[static_cast<std::size_t>(how)]; }
  std::uint64_t duplicates() const { return duplicates_; }
  // Came after it was given up (it stays lost), or from before the first packet of the stream.
  std::uint64_t late() const { return late_; }

  // Whether the sum holds and nothing was ever settled twice.
  bool check() const;

 private:
  static constexpr std::size_t index(DropCause cause) { return static_cast<std::size_t>(cause); }
  std::uint64_t settle(std::uint64_t packets) {
    overdrawn_ |= packets > pending_;
    pending_ -= packets;
    return packets;
  }

  std::uint64_t expected_ = 0;
  std::uint64_t written_ = 0;
  std::uint64_t lost_ = 0;
  std::array<std::uint64_t, drop_causes> dropped_{};
  std::uint64_t pending_ = 0;
  std::array<std::uint64_t, recoveries> recovered_{};
  std::uint64_t duplicates_ = 0;
  std::uint64_t late_ = 0;
  bool overdrawn_ = false;
};

}  // namespace holdfast::rtp
