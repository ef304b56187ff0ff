#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/follows.hpp"
#include "api/recorder.hpp"
#include "app/config.hpp"
#include "app/follow_store.hpp"
#include "follow/follow_list.hpp"
#include "io/control_loop.hpp"
#include "io/http_client.hpp"
#include "io/system_random.hpp"
#include "livekit/room_service.hpp"
#include "livekit/token_endpoint.hpp"
#include "livekit/webhook.hpp"

namespace holdfast::app {

// Records followed streams each time they go live: asks the token endpoint, or LiveKit's server API, whether
// they are, takes LiveKit's webhooks, and starts recordings as the API would. Keeps the follows in a file.
// Control thread only, which runs `control`. follow::FollowList decides when; this does it.
class Follower final : public api::Follows {
 public:
  // `control`, `disk` and `recorder` outlive the follower. Loads the file and begins to look. Errors: invalid
  // (settings), io (the file of follows).
  static Result<std::unique_ptr<Follower>> create(const Config& config, io::ControlLoop& control, Disk& disk,
                                                  api::Recorder& recorder);

  void follow(control::StartRequest request, FollowReply reply) override;
  void unfollow(std::string_view mint_id, DoneReply reply) override;
  std::vector<api::FollowStatus> follows() const override;
  std::optional<api::FollowStatus> followed(std::string_view mint_id) const override;
  std::string_view follows_problem() const override { return problem_; }
  Result<void> handle_webhook(std::string_view authorization, std::string_view body) override;
  api::FollowMetrics follow_metrics() const override { return {list_.states(), checks_, webhooks_}; }

  // A recording, of whichever stream, has ended.
  void handle_recording_over(const recording::Status& status);
  // A watch of a room, of whichever stream, has ended.
  void handle_watch_over(const control::WatchStatus& status);
  // Looks and starts no more: the service is ending.
  void stop();

 private:
  using Requests = FollowStore::Requests;

  Follower(const Config& config, io::ControlLoop& control, Disk& disk, api::Recorder& recorder);
  Result<void> load();

  void arm();
  void look();
  void ask_endpoint(const std::string& mint_id);
  void ask_which_rooms(std::vector<std::string> mint_ids);
  void ask_room(const std::string& mint_id);
  void send(HttpRequest request, std::move_only_function<void(const Result<HttpResponse>&)> then);
  void handle_check(const std::string& mint_id, const follow::Check& check);
  void act(const std::string& mint_id, follow::Decision decision);
  // Tells the list of a recording that runs already.
  bool notice_recording(const std::string& mint_id);
  std::string room_of(std::string_view mint_id) const;
  // Where being muted ends a recording, it must not begin one.
  livekit::MutedTracks muted_tracks(const control::StartRequest& request) const;
  api::WebhookOutcome handle_event(const livekit::WebhookEvent& event);
  api::FollowStatus to_status(const follow::Follow& follow) const;

  const Requests& requests() const { return store_.requests(); }
  std::vector<KeptFollow> kept(const Requests& requests) const;
  void keep_revision();

  const Config config_;
  io::ControlLoop& control_;
  api::Recorder& recorder_;
  io::SystemRandom random_;
  std::optional<livekit::TokenEndpoint> endpoint_;    // asked first
  std::optional<livekit::RoomService> room_service_;  // else this
  follow::FollowList list_;
  std::string problem_;
  std::array<std::uint64_t, follow::outcome_count> checks_{};
  std::array<std::uint64_t, api::webhook_outcome_count> webhooks_{};
  std::uint64_t kept_revision_ = 0;
  bool stopped_ = false;
  io::Timer timer_;
  io::HttpClient http_;
  FollowStore store_;
};

}  // namespace holdfast::app
