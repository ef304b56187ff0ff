#pragma once

#include "sdp/negotiation.hpp"

// What reading an offer and reading an answer have in common. Only for the files of this folder.
namespace holdfast::sdp {

// The m-line's mid and kind, and what its sender says of its media: stream, track, sources.
MediaSection section_of(const MediaDescription& sender);

// The RTX payload type for `payload_type`, found by apt (RFC 4588 section 8.6).
std::optional<PayloadType> find_rtx(const MediaDescription& media, PayloadType payload_type);

bool is_rtx(const Codec& codec);
std::string lower_case(std::string_view text);

// Whether the m-line is one of those the first transport carries: in the first BUNDLE group, or, without one,
// the first.
bool is_bundled(const SessionDescription& description, const MediaDescription& media);

// The transport of the bundle: of its first m-line that has one. Error: invalid, when something needed is
// missing.
Result<RemoteTransport> remote_transport_of(const SessionDescription& description);

// Our side as it stands in every m-line; candidates only where `first`.
Transport describe(const LocalTransport& local, Setup setup, bool first);

}  // namespace holdfast::sdp
