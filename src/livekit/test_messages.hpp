#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "livekit/signal.pb.h"

namespace holdfast::livekit {

// A LiveKit server's messages, for tests and for sim::SimRoom.

inline wire::Track camera(const std::string& sid, const std::string& mime = "video/H264") {
  wire::Track track;
  track.set_sid(sid);
  track.set_type(wire::Track::VIDEO);
  track.set_source(wire::Track::CAMERA);
  track.set_mime_type(mime);
  track.set_width(1280);
  track.set_height(720);
  return track;
}

inline wire::Track screen(const std::string& sid) {
  wire::Track track = camera(sid, "video/VP8");
  track.set_source(wire::Track::SCREEN_SHARE);
  return track;
}

inline wire::Track microphone(const std::string& sid) {
  wire::Track track;
  track.set_sid(sid);
  track.set_type(wire::Track::AUDIO);
  track.set_source(wire::Track::MICROPHONE);
  track.set_mime_type("audio/red");
  return track;
}

inline wire::Track screen_sound(const std::string& sid) {
  wire::Track track = microphone(sid);
  track.set_source(wire::Track::SCREEN_SHARE_AUDIO);
  return track;
}

inline wire::Track muted(wire::Track track) {
  track.set_muted(true);
  return track;
}

inline wire::Track encrypted(wire::Track track) {
  track.set_encryption(wire::Track::GCM);
  return track;
}

// A full snapshot, as the server sends it on every change.
inline wire::Participant participant(const std::string& sid, const std::string& identity,
                                     const std::vector<wire::Track>& tracks, std::uint32_t version) {
  wire::Participant participant;
  participant.set_sid(sid);
  participant.set_identity(identity);
  participant.set_state(wire::Participant::ACTIVE);
  participant.set_version(version);
  for (const wire::Track& track : tracks) *participant.add_tracks() = track;
  return participant;
}

inline wire::Participant gone(wire::Participant participant) {
  participant.set_state(wire::Participant::DISCONNECTED);
  participant.clear_tracks();
  return participant;
}

inline wire::SignalResponse update_of(wire::Participant participant) {
  wire::SignalResponse response;
  *response.mutable_update()->add_participants() = std::move(participant);
  return response;
}

inline wire::SignalResponse join_response() {
  wire::SignalResponse response;
  response.mutable_join()->mutable_room()->set_name("demo");
  response.mutable_join()->mutable_participant()->set_sid("PA_us");
  response.mutable_join()->mutable_participant()->mutable_permission()->set_can_subscribe(true);
  response.mutable_join()->set_ping_interval(5);
  response.mutable_join()->set_ping_timeout(15);
  return response;
}

inline wire::SignalResponse reconnect_response() {
  wire::SignalResponse response;
  response.mutable_reconnect();
  return response;
}

inline wire::SignalResponse leave_response(wire::DisconnectReason reason, wire::Leave::Action action) {
  wire::SignalResponse response;
  response.mutable_leave()->set_reason(reason);
  response.mutable_leave()->set_action(action);
  return response;
}

}  // namespace holdfast::livekit
