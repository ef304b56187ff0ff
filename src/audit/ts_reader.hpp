#pragma once

#include <array>
#include <vector>

#include "audit/structure.hpp"
#include "audit/ts_sync.hpp"
#include "container/ts_packet.hpp"

namespace holdfast::audit {

// The shorter way round from `a` to `b` on the clock of 33 bits.
std::int64_t ts_distance(std::uint64_t a, std::uint64_t b);

// What the header of a PES packet says (ISO/IEC 13818-1 section 2.4.3.6).
struct PesHeader {
  std::uint8_t stream_id = 0;
  std::size_t length = 0;  // PES_packet_length: of what follows it; 0: open
  std::size_t size = 0;    // of the header: the payload begins there
  bool has_pts = false;
  bool markers = true;  // all marker bits are set
  std::uint64_t pts = 0;
  std::uint64_t dts = 0;
};
std::optional<PesHeader> parse_pes_header(Bytes body);

// One packet, taken apart. Nothing of it is copied.
struct TsPacket {
  std::uint16_t pid = 0;
  bool unit_start = false;
  bool transport_error = false;
  bool scrambled = false;
  bool has_adaptation = false;
  bool has_payload = false;
  bool discontinuity = false;
  bool random_access = false;
  std::uint8_t continuity = 0;
  std::optional<std::uint64_t> pcr{};  // base, 33 bits
  Bytes payload{};
};
// 188 bytes that begin with 0x47; nothing when they contradict themselves.
std::optional<TsPacket> parse_ts_packet(Bytes packet);

// The streams of a PMT section, its CRC checked (sections 2.4.4.8 and 2.4.4.9).
struct PmtStream {
  std::uint16_t pid = 0;
  media::Kind kind = media::Kind::video;
  std::string codec{};
};
struct Pmt {
  std::uint16_t pcr_pid = 0;
  std::vector<PmtStream> streams{};
  std::vector<std::uint16_t> others{};  // PIDs of what is neither audio nor video that we know
};
// `payload`: of the packet in which the section begins.
std::optional<std::uint16_t> parse_pat(Bytes payload);  // the PID of the first program's PMT
std::optional<Pmt> parse_pmt(Bytes payload);

// Checks MPEG-TS: packets, continuity, tables, clock references, PES headers and times.
class TsReader final : public StructureReader, private TsSync::Sink {
 public:
  TsReader(Findings& findings, std::string file, Rules rules, media::Ticks near);

  void feed(Bytes bytes) override { sync_.feed(bytes, *this); }
  void finish(Ending ending) override;

 private:
  static constexpr std::size_t size = container::ts::packet_size;
  // Of a frame's beginning: where its parameter sets are.
  static constexpr std::size_t look = 512;

  struct Stream {
    std::uint16_t pid = 0;
    std::size_t track = 0;
    bool in_pes = false;
    bool broken = false;  // until its next unit
    std::uint64_t begun_at = 0;
    std::size_t expected = 0;  // bytes after PES_packet_length; 0: open
    std::size_t got = 0;
    bool random_access = false;
    std::optional<std::uint64_t> last_dts{};
    ByteVector head{};  // of a key frame
  };
  static constexpr std::uint8_t never_seen = 0xff;
  // What stream_of_ has of a PID that is no stream of ours.
  static constexpr std::uint8_t no_stream = 0xff;
  static constexpr std::uint8_t other_stream = 0xfe;

  std::optional<std::uint64_t> packet_at(std::uint64_t offset) const override { return offset / size; }
  void take_packet(std::uint64_t offset, Bytes packet) override;
  void take_unmarked(std::uint64_t offset) override;
  void take_noise(std::uint64_t from, std::uint64_t to) override;
  void take_rest(std::uint64_t offset, std::size_t bytes) override;
  void read_packet(Bytes bytes);
  void check_continuity(const TsPacket& packet);
  void read_clock(const TsPacket& packet);
  void read_pat(const TsPacket& packet);
  void read_pmt(const TsPacket& packet);
  void read_payload(Stream& stream, const TsPacket& packet);
  void begin_unit(Stream& stream, const TsPacket& packet);
  void end_unit(Stream& stream);
  void check_times(Stream& stream, const PesHeader& header);
  void look_at_head(Stream& stream);
  media::Ticks unwrap(std::uint64_t time) const;

  TsSync sync_;
  Ending ending_ = Ending::whole;
  std::uint64_t offset_ = 0;  // of the packet being read

  std::array<std::uint8_t, 0x2000> continuity_;
  std::array<std::uint8_t, 0x2000> stream_of_;
  std::vector<Stream> streams_;
  std::uint16_t pmt_pid_ = 0xffff;
  std::uint16_t pcr_pid_ = 0xffff;
  std::optional<std::uint64_t> pcr_;
  bool any_table_ = false;
  media::Ticks time_;  // unwrapped, the last
};

}  // namespace holdfast::audit
