#pragma once

#include <string>
#include <string_view>

// Offers in the shape in which others make them; written for these tests, with addresses for documentation.
namespace holdfast::sdp::testing {

inline constexpr std::string_view fingerprint =
    "sha-256 0A:1B:2C:3D:4E:5F:60:71:82:93:A4:B5:C6:D7:E8:F9:0A:1B:2C:3D:4E:5F:60:71:82:93:A4:B5:C6:D7:E8:F9";

// A LiveKit 1.13.5 server's first offer to a subscriber: only a data channel.
inline const std::string livekit_first = R"(v=0
o=- 4215775240449105457 1700000000 IN IP4 0.0.0.0
s=-
t=0 0
a=msid-semantic:WMS *
a=fingerprint:)" + std::string(fingerprint) +
                                         R"(
a=extmap-allow-mixed
a=group:BUNDLE 0
m=application 9 UDP/DTLS/SCTP webrtc-datachannel
c=IN IP4 0.0.0.0
a=setup:actpass
a=mid:0
a=sendrecv
a=sctp-port:5000
a=max-message-size:65535
a=ice-ufrag:livekitUfragAAAA
a=ice-pwd:livekitPasswordlivekitPassword01
)";

// Its second one, with tracks: H.264 video whose payload types stand in no order, Opus audio, an ended video
// track.
inline const std::string livekit_second = R"(v=0
o=- 4215775240449105457 1700000001 IN IP4 0.0.0.0
s=-
t=0 0
a=msid-semantic:WMS *
a=fingerprint:)" + std::string(fingerprint) +
                                          R"(
a=extmap-allow-mixed
a=group:BUNDLE 0 1 2 3
m=application 9 UDP/DTLS/SCTP webrtc-datachannel
c=IN IP4 0.0.0.0
a=setup:actpass
a=mid:0
a=sendrecv
a=sctp-port:5000
a=max-message-size:65535
a=ice-ufrag:livekitUfragAAAA
a=ice-pwd:livekitPasswordlivekitPassword01
a=candidate:233762139 1 udp 2130706431 192.0.2.7 7882 typ host ufrag livekitUfragAAAA
a=candidate:233762139 2 udp 2130706431 192.0.2.7 7882 typ host ufrag livekitUfragAAAA
a=candidate:1483465239 1 tcp 1671430143 192.0.2.7 7881 typ host tcptype passive
a=end-of-candidates
m=video 9 UDP/TLS/RTP/SAVPF 109 96 125 97 108 126 98 99 35 36
c=IN IP4 0.0.0.0
a=setup:actpass
a=mid:1
a=ice-ufrag:livekitUfragAAAA
a=ice-pwd:livekitPasswordlivekitPassword01
a=rtcp-mux
a=rtcp-rsize
a=rtpmap:96 VP8/90000
a=rtcp-fb:96 ccm fir
a=rtcp-fb:96 nack
a=rtcp-fb:96 nack pli
a=rtcp-fb:96 goog-remb
a=rtpmap:97 rtx/90000
a=fmtp:97 apt=96
a=rtpmap:98 VP9/90000
a=fmtp:98 profile-id=0
a=rtpmap:99 rtx/90000
a=fmtp:99 apt=98
a=rtpmap:125 H264/90000
a=fmtp:125 level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42e01f
a=rtcp-fb:125 nack
a=rtcp-fb:125 nack pli
a=rtpmap:126 rtx/90000
a=fmtp:126 apt=125
a=rtpmap:108 H264/90000
a=fmtp:108 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f
a=rtcp-fb:108 ccm fir
a=rtcp-fb:108 nack
a=rtcp-fb:108 nack pli
a=rtcp-fb:108 goog-remb
a=rtcp-fb:108 transport-cc
a=rtpmap:109 rtx/90000
a=fmtp:109 apt=108
a=rtpmap:35 AV1/90000
a=rtpmap:36 rtx/90000
a=fmtp:36 apt=35
a=extmap:4 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time
a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01
a=extmap:12 https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension
a=ssrc-group:FID 1111 2222
a=ssrc:1111 cname:PA_alice|TR_camera
a=ssrc:1111 msid:PA_alice|TR_camera TR_camera
a=ssrc:2222 cname:PA_alice|TR_camera
a=ssrc:2222 msid:PA_alice|TR_camera TR_camera
a=msid:PA_alice|TR_camera TR_camera
a=sendrecv
m=audio 9 UDP/TLS/RTP/SAVPF 63 111 0 8
c=IN IP4 0.0.0.0
a=setup:actpass
a=mid:2
a=ice-ufrag:livekitUfragAAAA
a=ice-pwd:livekitPasswordlivekitPassword01
a=rtcp-mux
a=rtcp-rsize
a=rtpmap:111 opus/48000/2
a=fmtp:111 minptime=10;useinbandfec=1;sprop-stereo=1
a=rtcp-fb:111 nack
a=rtpmap:63 red/48000/2
a=fmtp:63 111/111
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
a=ssrc:3333 cname:PA_alice|TR_mic
a=msid:PA_alice|TR_mic TR_mic
a=sendrecv
m=video 9 UDP/TLS/RTP/SAVPF 96 97
c=IN IP4 0.0.0.0
a=setup:actpass
a=mid:3
a=ice-ufrag:livekitUfragAAAA
a=ice-pwd:livekitPasswordlivekitPassword01
a=rtcp-mux
a=rtcp-rsize
a=rtpmap:96 VP8/90000
a=rtpmap:97 rtx/90000
a=fmtp:97 apt=96
a=recvonly
)";

// A browser publishing by WHIP: audio first, fingerprint in each m-line, candidates later.
inline const std::string browser_whip = R"(v=0
o=- 8276461946212337341 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0 1
a=extmap-allow-mixed
a=msid-semantic: WMS 5f2c0e2a-stream
m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126
c=IN IP4 0.0.0.0
a=rtcp:9 IN IP4 0.0.0.0
a=ice-ufrag:w1Ht
a=ice-pwd:browserPasswordbrowserPa
a=ice-options:trickle
a=fingerprint:)" + std::string(fingerprint) +
                                        R"(
a=setup:actpass
a=mid:0
a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level
a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid
a=sendonly
a=msid:5f2c0e2a-stream 8d1b-audio
a=rtcp-mux
a=rtcp-rsize
a=rtpmap:111 opus/48000/2
a=rtcp-fb:111 transport-cc
a=fmtp:111 minptime=10;useinbandfec=1
a=rtpmap:63 red/48000/2
a=fmtp:63 111/111
a=rtpmap:9 G722/8000
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:13 CN/8000
a=rtpmap:110 telephone-event/48000
a=rtpmap:126 telephone-event/8000
a=ssrc:3570614608 cname:4TOk42mSjXCkVIa6
a=ssrc:3570614608 msid:5f2c0e2a-stream 8d1b-audio
m=video 9 UDP/TLS/RTP/SAVPF 96 97 102 103 39 40 45 46 116 117
c=IN IP4 0.0.0.0
a=rtcp:9 IN IP4 0.0.0.0
a=ice-ufrag:w1Ht
a=ice-pwd:browserPasswordbrowserPa
a=ice-options:trickle
a=fingerprint:)" + std::string(fingerprint) +
                                        R"(
a=setup:actpass
a=mid:1
a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01
a=sendonly
a=msid:5f2c0e2a-stream 9e2c-video
a=rtcp-mux
a=rtcp-rsize
a=rtpmap:96 VP8/90000
a=rtcp-fb:96 goog-remb
a=rtcp-fb:96 transport-cc
a=rtcp-fb:96 ccm fir
a=rtcp-fb:96 nack
a=rtcp-fb:96 nack pli
a=rtpmap:97 rtx/90000
a=fmtp:97 apt=96
a=rtpmap:102 H264/90000
a=rtcp-fb:102 nack
a=rtcp-fb:102 nack pli
a=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=640032
a=rtpmap:103 rtx/90000
a=fmtp:103 apt=102
a=rtpmap:39 H264/90000
a=fmtp:39 level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=4d001f
a=rtpmap:40 rtx/90000
a=fmtp:40 apt=39
a=rtpmap:45 AV1/90000
a=rtpmap:46 rtx/90000
a=fmtp:46 apt=45
a=rtpmap:116 red/90000
a=rtpmap:117 rtx/90000
a=fmtp:117 apt=116
a=rid:hi send
a=simulcast:send hi
a=ssrc-group:FID 4250521218 2671923814
a=ssrc:4250521218 cname:4TOk42mSjXCkVIa6
a=ssrc:2671923814 cname:4TOk42mSjXCkVIa6
)";

// GStreamer's whipsink: transport-wide settings once, feedback for all payload types, active, no RTX.
inline const std::string gstreamer_whip = R"(v=0
o=- 6305713184563451093 0 IN IP4 0.0.0.0
s=-
t=0 0
a=ice-options:trickle
a=group:BUNDLE video0 audio1
a=fingerprint:)" + std::string(fingerprint) +
                                          R"(
a=ice-ufrag:gstUfrag
a=ice-pwd:gstreamerPasswordgstreamer
a=setup:active
m=video 9 UDP/TLS/RTP/SAVPF 96
c=IN IP4 0.0.0.0
a=mid:video0
a=rtcp-mux
a=sendonly
a=rtpmap:96 H264/90000
a=rtcp-fb:* nack
a=rtcp-fb:96 nack pli
a=fmtp:96 packetization-mode=1;profile-level-id=42c01f;sprop-parameter-sets=Z0LAH9kAUAW7ARAAAAMAEAAAAwPA8YMkgA==,aMuDyyA=
a=ssrc:787653443 msid:user3344942761@host-1 webrtctransceiver0
a=ssrc:787653443 cname:user3344942761@host-1
m=audio 9 UDP/TLS/RTP/SAVPF 97
c=IN IP4 0.0.0.0
a=mid:audio1
a=rtcp-mux
a=sendonly
a=rtpmap:97 OPUS/48000/2
)";

}  // namespace holdfast::sdp::testing
