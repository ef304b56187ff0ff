#pragma once

#include <array>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "audit/ts_reader.hpp"
#include "audit/ts_sync.hpp"

namespace holdfast::audit {

// Bytes of the input that are not in the output.
struct LeftOut {
  std::uint64_t from = 0;
  std::uint64_t to = 0;
  std::optional<media::Ticks> pts{};  // of the last good frame before
  std::string why{};
};

// Makes MPEG-TS whole again: what is no packet and frames that are not whole are left out, tables come first,
// continuity counters are made anew, and a clock that jumps is marked. All that stays, stays in its order and
// at its time.
//
// Packets wait until the frame that they belong to is known to be whole; at most `max_waiting` of them. One
// thread.
class TsRepair final : private TsSync::Sink {
 public:
  static constexpr std::size_t max_waiting = 300'000;
  using Told = std::function<void(LeftOut&&)>;

  TsRepair(ByteVector& out, Told told) : out_(out), told_(std::move(told)) {
    stream_of_.fill(-1);
    continuity_in_.fill(never);
    continuity_out_.fill(15);
  }

  // Appends to `out` what is settled.
  void feed(Bytes bytes) { sync_.feed(bytes, *this); }
  void finish();

  // Whether tables were found: without them nothing could be kept.
  bool has_tables() const { return tables_known_; }
  // Frames left out, by the order of streams in the PMT.
  struct Stream {
    std::uint16_t pid = 0;
    media::Kind kind = media::Kind::video;
    std::uint64_t frames_left_out = 0;
    // The frame being read.
    std::optional<std::uint64_t> unit{};
    std::size_t expected = 0;
    std::size_t got = 0;
    bool ends_in_stuffing = false;
    std::optional<std::uint64_t> last_dts{};
    std::optional<std::uint64_t> new_dts{};
    std::optional<std::uint64_t> last_clock{};  // when the frame of last_dts began
    std::optional<std::uint64_t> new_clock{};
    const char* why = "continuation without a start";  // the last one was left out
  };
  const std::vector<Stream>& streams() const { return streams_; }

 private:
  static constexpr std::uint8_t never = 0xff;
  static constexpr std::uint64_t no_unit = ~std::uint64_t{0};

  using Packet = std::array<std::uint8_t, container::ts::packet_size>;
  struct Waiting {
    Packet bytes;
    std::uint64_t offset = 0;
    std::uint64_t unit = no_unit;
    bool keep_clock = false;  // its PCR is good, whatever becomes of the frame
  };
  enum class Fate : std::uint8_t { open, keep, leave_out };
  struct Unit {
    Fate fate = Fate::open;
    const char* why = "";
    std::uint32_t waiting = 0;  // packets
  };

  void take_packet(std::uint64_t offset, Bytes packet) override;
  void take_unmarked(std::uint64_t offset) override;
  void take_noise(std::uint64_t from, std::uint64_t to) override;
  void take_rest(std::uint64_t offset, std::size_t bytes) override;

  bool learn_tables(const TsPacket& packet, Bytes bytes);
  void take_media(const TsPacket& packet, Waiting waiting);
  void begin_unit(Stream& stream, const TsPacket& packet);
  void end_unit(Stream& stream);
  void leave_unit_out(Stream& stream, const char* why);
  // Whether the clock reference may be believed.
  bool judge_clock(const TsPacket& packet);
  void queue(Waiting waiting);
  void settle();
  void forget_units();
  void emit(Waiting& waiting);
  void emit_clock(Waiting& waiting);
  void leave_out(std::uint64_t from, std::uint64_t to, const char* why);
  void flush_left_out();
  Unit& unit_of(std::uint64_t number) { return units_[number - first_unit_]; }

  ByteVector& out_;
  Told told_;
  TsSync sync_;
  std::vector<Stream> streams_;
  std::array<std::int16_t, 0x2000> stream_of_;  // -1: unknown, -2: another stream of the PMT
  std::array<std::uint8_t, 0x2000> continuity_in_;
  std::array<std::uint8_t, 0x2000> continuity_out_;
  std::uint16_t pmt_pid_ = 0xffff;
  std::uint16_t pcr_pid_ = 0xffff;
  bool tables_known_ = false;
  bool tables_written_ = false;
  Packet pat_{};
  Packet pmt_{};

  std::deque<Waiting> waiting_;
  std::deque<Unit> units_;
  std::uint64_t first_unit_ = 0;
  std::optional<std::uint64_t> pcr_;          // the last that was believed
  std::optional<std::uint64_t> suspect_pcr_;  // one that was not
  std::optional<std::uint64_t> pcr_out_;
  std::uint64_t believed_ = 0;                // clock references
  std::optional<std::uint64_t> first_clock_;  // the unit that the first one waits as
  media::Ticks time_ = 0;                     // of the last frame, unwrapped
  bool has_time_ = false;
  std::optional<LeftOut> leaving_;
};

}  // namespace holdfast::audit
