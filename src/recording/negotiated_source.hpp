#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "recording/session.hpp"
#include "sdp/negotiation.hpp"

// What an answered offer says of the media that will come.
namespace holdfast::recording {

sdp::Kind sdp_kind(media::Kind kind);
// How the packets of an m-line's track come: its codecs, retransmission and redundancy.
TrackSource make_source(const sdp::MediaSection& section, Ssrc ssrc, std::optional<Ssrc> rtx_ssrc, Nack nack);
// The id of the header extension for transport-wide congestion control; 0: it was not negotiated.
std::uint8_t transport_id(const std::vector<sdp::MediaSection>& sections);

}  // namespace holdfast::recording
