#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <variant>

#include "base/bytes.hpp"
#include "base/strong.hpp"

// RTCP: RFC 3550 section 6, generic NACK and PLI of RFC 4585, FIR of RFC 5104.
namespace holdfast::rtp {

// RFC 3550 section 6.4.1.
struct ReportBlock {
  Ssrc source;
  std::uint8_t fraction_lost = 0;         // since the last report, in 1/256
  std::int32_t cumulative_lost = 0;       // 24 bits, signed
  std::uint32_t highest_sequence = 0;     // extended by the count of cycles
  std::uint32_t jitter = 0;               // in units of the clock rate
  std::uint32_t last_sender_report = 0;   // the middle 32 bits of its NTP time; 0: none yet
  std::uint32_t delay_since_last_sr = 0;  // in 1/65536 s

  bool operator==(const ReportBlock&) const = default;
};

// The following are views: they live as long as the datagram they were read from.

class ReportBlocks {
 public:
  ReportBlocks() = default;
  explicit ReportBlocks(Bytes bytes) : bytes_(bytes) {}
  std::size_t size() const { return bytes_.size() / block_size; }
  ReportBlock operator[](std::size_t index) const;
  std::optional<ReportBlock> find(Ssrc source) const;

 private:
  static constexpr std::size_t block_size = 24;
  Bytes bytes_;
};

// What a sender says of itself: the pair of times is one instant.
struct SenderInfo {
  std::uint64_t ntp = 0;            // seconds since 1900 in 32.32 fixed point, of the sender's clock
  std::uint32_t rtp_timestamp = 0;  // in units of the clock rate
  std::uint32_t packets = 0;
  std::uint32_t octets = 0;  // of payload
};

struct SenderReport {
  Ssrc sender;
  SenderInfo info;
  ReportBlocks reports;
};

struct ReceiverReport {
  Ssrc sender;
  ReportBlocks reports;
};

// RFC 3550 section 6.5: the CNAME of one source (one value for each chunk that has one).
struct CanonicalName {
  Ssrc source;
  std::string_view name;
};

// RFC 3550 section 6.6.
struct Bye {
  Bytes sources;  // four bytes each
  bool contains(Ssrc source) const;
};

// RFC 4585 section 6.2.1: sequence numbers that `sender` misses of `media`.
struct Nack {
  Ssrc sender;
  Ssrc media;
  Bytes items;  // PID and BLP, four bytes each

  template <typename Function>  // void(std::uint16_t sequence)
  void for_each(Function&& function) const {
    for (std::size_t at = 0; at + 4 <= items.size(); at += 4) {
      const std::uint16_t first = load_u16(&items[at]);
      const std::uint16_t mask = load_u16(&items[at + 2]);
      function(first);
      for (unsigned bit = 0; bit < 16; ++bit) {
        if (mask >> bit & 1) function(static_cast<std::uint16_t>(first + bit + 1));
      }
    }
  }
};

// RFC 4585 section 6.3.1: a key frame of `media` is wanted.
struct PictureLoss {
  Ssrc sender;
  Ssrc media;
};

// RFC 5104 section 4.3.1: the same, numbered. One value for each entry.
struct FullIntraRequest {
  Ssrc sender;
  Ssrc media;
  std::uint8_t number = 0;
};

using RtcpMessage =
    std::variant<SenderReport, ReceiverReport, CanonicalName, Bye, Nack, PictureLoss, FullIntraRequest>;

// Reads a compound (or reduced-size, RFC 5506) RTCP datagram message by message. Types it does not know (XR,
// APP, REMB, transport-wide feedback) are passed over. Hostile bytes end it early and make malformed() true.
class RtcpReader {
 public:
  explicit RtcpReader(Bytes datagram) : rest_(datagram) {}

  // The next message, or nothing at the end.
  std::optional<RtcpMessage> next();
  bool malformed() const { return malformed_; }

 private:
  bool open_packet();
  std::optional<RtcpMessage> read_body();
  std::optional<RtcpMessage> read_report();
  std::optional<RtcpMessage> read_chunk();
  std::optional<RtcpMessage> read_feedback();
  Bytes take(std::size_t count);

  Bytes rest_;                  // packets not yet opened
  Bytes body_;                  // what is left of the open packet
  int type_ = 0;                // of the open packet; 0: none is open
  int count_ = 0;               // the five bits of its first byte: how many, or the format of feedback
  std::optional<Ssrc> sender_;  // of the open feedback packet, once read
  Ssrc media_;
  bool malformed_ = false;
};

// Appends RTCP messages to a datagram that the caller owns, is to send, and keeps below its MTU.
class RtcpBuilder {
 public:
  // `sender` is our own SSRC.
  RtcpBuilder(ByteVector& datagram, Ssrc sender) : out_(datagram), sender_(sender) {}

  // At most 31 blocks.
  void sender_report(const SenderInfo& info, std::span<const ReportBlock> blocks = {});
  void receiver_report(std::span<const ReportBlock> blocks);
  // At most 255 bytes. RFC 3550 section 6.1: goes with every report that is not reduced-size.
  void canonical_name(std::string_view name);
  void bye();
  // Sequence numbers in rising order (wrapping), at least one.
  void nack(Ssrc media, std::span<const std::uint16_t> sequences);
  void picture_loss(Ssrc media);
  void full_intra_request(Ssrc media, std::uint8_t number);
  // Transport-wide feedback: `body` is what follows the SSRCs (TransportFeedback writes it).
  void transport_feedback(Ssrc media, Bytes body);

  std::size_t size() const { return out_.size(); }
  bool empty() const { return out_.empty(); }

 private:
  std::size_t begin(int type, std::size_t count);
  void end(std::size_t start);
  void write_blocks(std::span<const ReportBlock> blocks);

  ByteVector& out_;
  Ssrc sender_;
};

}  // namespace holdfast::rtp
