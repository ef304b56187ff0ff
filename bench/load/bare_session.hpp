#pragma once

#include <optional>

#include "load/session.hpp"
#include "srtp/session.hpp"

namespace holdfast::bench {

// The key of all bare sessions, and how their SSRCs tell them apart: what load and floor agree on.
dtls::KeyingMaterial bare_keys();
inline constexpr std::uint32_t bare_ssrc_base = 0x1000'0000;
// Of session `number` (from 0): an even one for its video, the next for its audio.
constexpr std::uint32_t bare_ssrc(std::uint32_t number, Media media) {
  return bare_ssrc_base + 2 * number + (media == Media::audio ? 1 : 0);
}

// A session without any handshake, for floor: the same packets to a given port, under a fixed key.
class BareSession final : public Session {
 public:
  BareSession(Studio& studio, const Endpoint& to, std::uint32_t number)
      : Session(studio), to_(to), number_(number) {}

  void begin(const Now& now) override;
  void end(const Now&) override { set_state(State::ended); }

 private:
  bool send_rtp(Bytes packet, Outbox& out) override;
  // Nobody would read it.
  bool send_rtcp(Bytes, Outbox&) override { return true; }
  void handle_datagram(const io::ReceivedDatagram&, Outbox&) override {}
  void handle_timeout(const Now&, Outbox&) override {}
  Track::Config config(Media media) override;

  const Endpoint to_;
  const std::uint32_t number_;
  std::optional<srtp::Session> srtp_;
  ByteVector scratch_ = ByteVector(2048);
};

}  // namespace holdfast::bench
