#include "load/bare_session.hpp"

#include <algorithm>

namespace holdfast::bench {

dtls::KeyingMaterial bare_keys() {
  dtls::KeyingMaterial keys;
  for (std::uint8_t i = 0; i < 16 + 12; ++i) keys.local.push_back(i);
  keys.remote = keys.local;
  return keys;
}

void BareSession::begin(const Now&) {
  if (auto opened = open_socket({}); !opened) return fail(opened.error().message);
  auto session = srtp::Session::open(bare_keys());
  if (!session) return fail(session.error().message);
  srtp_ = std::move(*session);
  connect_socket(to_);
  set_state(State::live);
}

bool BareSession::send_rtp(Bytes packet, Outbox& out) {
  std::ranges::copy(packet, scratch_.begin());
  const auto protected_packet = srtp_->protect_rtp(scratch_, packet.size());
  if (protected_packet) out.send(to_, *protected_packet);
  return protected_packet.has_value();
}

Track::Config BareSession::config(Media media) {
  Track::Config config;
  config.ssrc = Ssrc(bare_ssrc(number_, media));
  config.payload_type = PayloadType(media == Media::video ? 102 : 111);
  config.first_timestamp = studio().chance.next_u32();
  return config;
}

}  // namespace holdfast::bench
