#pragma once

#include <memory>
#include <string>
#include <vector>

#include "control/media_source.hpp"
#include "control/recording.hpp"
#include "control/room_member.hpp"

namespace holdfast::control {

// Feeds a recording from a LiveKit room: takes what the room says to the recording's session. Control thread.
class LivekitSource final : public MediaSource, private livekit::Subscriber {
 public:
  // Both outlive it.
  LivekitSource(const Environment& environment, livekit::Membership::Options options, Recording& recording);

  void start() { member_.start(); }
  void leave() override { member_.leave(); }
  void handle_media_lost() override { member_.handle_media_lost(); }

 private:
  // The recording's session, opened when it is first needed; null once the recording ends.
  RemoteSession* open_session();
  RemoteSession* session();

  void accept_offer(const livekit::OfferKey& key, std::string sdp,
                    livekit::MediaConnection connection) override;
  void add_candidate(std::string_view candidate) override;
  void set_ice_servers(const std::vector<livekit::IceServer>& servers) override;
  void announce(const livekit::Track& track) override;
  void retract(media::Kind kind) override;
  void suspect(livekit::Fault fault) override;
  void note_resumed() override;
  void warn(const std::string& why) override { recording_.warn(why); }
  void handle_publisher(std::string_view) override {}  // nobody watches
  void end(livekit::Outcome outcome, const std::string& why) override;

  Recording& recording_;
  RoomMember member_;
  std::vector<turn::Server> turn_servers_;                // those that the server named
  std::shared_ptr<int> alive_ = std::make_shared<int>();  // a session's answer looks whether we are there
};

}  // namespace holdfast::control
