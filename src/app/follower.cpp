#include "app/follower.hpp"

#include <algorithm>
#include <utility>

#include "base/log.hpp"
#include "base/text.hpp"
#include "io/clock.hpp"

namespace holdfast::app {
namespace {

using namespace std::chrono_literals;

// An event older than this may be a late repetition: it is a reason to look, not to start.
constexpr Duration fresh = 10s;

constexpr std::string_view no_way =
    "cannot check whether a stream is live: set livekit_url, livekit_api_key and livekit_api_secret, or "
    "token_endpoint.url";

follow::FollowList::Options list_options(const Config& config) {
  follow::FollowList::Options options;
  options.interval = config.follow_interval;
  const bool one_by_one = !config.token_endpoint.url.empty();
  options.most_checks = one_by_one ? 20 : 50;
  // ListRooms tells of many rooms at once.
  options.together = one_by_one ? Duration::zero() : config.follow_interval / 10;
  return options;
}

follow::EndedBy ended_by(const recording::Status& status) {
  using Reason = journal::EndReason;
  if (status.end_reason == Reason::stopped) return follow::EndedBy::hand;
  const bool silent = status.end_reason == Reason::gap_limit || status.end_reason == Reason::mute_limit;
  const bool fruitless = status.state == recording::State::failed || (silent && status.output_paths.empty());
  return fruitless ? follow::EndedBy::fruitless : follow::EndedBy::itself;
}

follow::EndedBy ended_by(const control::WatchStatus& status) {
  if (status.state == control::WatchState::stopped) return follow::EndedBy::hand;
  return status.state == control::WatchState::failed ? follow::EndedBy::fruitless : follow::EndedBy::itself;
}

// Of a recording, or of the watch that starts them.
const std::string& id_of(const control::Started& started) {
  if (const auto* watch = std::get_if<control::WatchStatus>(&started)) return watch->watch_id;
  return std::get<recording::Status>(started).recording_id;
}

follow::Check trouble(const livekit::AskLater& later) {
  return {later.why.code == ErrorCode::unavailable ? follow::Outcome::unavailable : follow::Outcome::refused,
          later.wait, later.why.message};
}

}  // namespace

Result<std::unique_ptr<Follower>> Follower::create(const Config& config, io::ControlLoop& control, Disk& disk,
                                                   api::Recorder& recorder) {
  std::unique_ptr<Follower> follower(new Follower(config, control, disk, recorder));
  if (!config.token_endpoint.url.empty()) {
    auto endpoint = livekit::TokenEndpoint::create(config.token_endpoint);
    if (!endpoint) return std::unexpected(std::move(endpoint.error()));
    follower->endpoint_.emplace(std::move(*endpoint));
  } else if (!config.livekit_url.empty() && !config.livekit_api_key.empty()) {
    auto server = livekit::ServerUrl::parse(config.livekit_url);
    if (!server) return std::unexpected(std::move(server.error()));
    follower->room_service_.emplace(std::move(*server), config.livekit_api_key, config.livekit_api_secret);
  }
  if (auto loaded = follower->load(); !loaded) return std::unexpected(std::move(loaded.error()));
  follower->arm();
  return follower;
}

Follower::Follower(const Config& config, io::ControlLoop& control, Disk& disk, api::Recorder& recorder)
    : config_(config),
      control_(control),
      recorder_(recorder),
      list_(list_options(config), random_),
      timer_(control),
      store_(control, disk, config.recordings, [this](const Requests& requests) {
        kept_revision_ = list_.revision();
        return kept(requests);
      }) {}

Result<void> Follower::load() {
  auto loaded = store_.load(io::read_wall_clock());
  if (!loaded) return std::unexpected(std::move(loaded.error()));
  problem_ = std::move(loaded->problem);
  if (!problem_.empty()) log::error("{}", problem_);
  std::vector<follow::Follow> follows;
  for (KeptFollow& kept : loaded->follows) {
    const std::string mint_id = kept.request.mint_id;
    follows.push_back(
        {.mint_id = mint_id, .held = kept.held, .last_recording_id = std::move(kept.last_recording_id)});
  }
  if (!follows.empty()) log::info("following {} streams from before the restart", follows.size());
  list_.restore(std::move(follows), io::read_monotonic_clock());
  for (const auto& [mint_id, request] : requests()) notice_recording(mint_id);
  kept_revision_ = list_.revision();
  return {};
}

void Follower::follow(control::StartRequest request, FollowReply reply) {
  if (!endpoint_ && !room_service_) {
    reply(fail(ErrorCode::invalid, "{}: {}", request.mint_id, no_way));
    return;
  }
  const std::string mint_id = request.mint_id;
  store_.change(
      [this, request = std::move(request)](Requests& requests) -> Result<void> {
        if (!requests.contains(request.mint_id) && requests.size() >= config_.follow_limit) {
          return fail(ErrorCode::conflict,
                      "{} streams are followed, which is the follow_limit: stop following a stream, or "
                      "raise follow_limit",
                      requests.size());
        }
        requests.insert_or_assign(request.mint_id, request);
        return {};
      },
      [this, mint_id, reply = std::move(reply)](Result<void> kept) mutable {
        if (!kept) return reply(std::unexpected(std::move(kept.error())));
        if (list_.contains(mint_id)) return reply(api::Novelty::known);
        list_.add(mint_id, io::read_monotonic_clock());
        notice_recording(mint_id);
        log::info("{}: following", mint_id);
        arm();
        reply(api::Novelty::added);
      });
}

void Follower::unfollow(std::string_view mint_id, DoneReply reply) {
  const std::string id(mint_id);
  store_.change(
      [id](Requests& requests) -> Result<void> {
        if (requests.erase(id) != 0) return {};
        return fail(ErrorCode::not_found, "{} is not followed", id);
      },
      [this, id, reply = std::move(reply)](Result<void> kept) mutable {
        if (kept) {
          list_.remove(id);
          log::info("{}: no longer followed", id);
          arm();
        }
        reply(std::move(kept));
      });
}

api::FollowStatus Follower::to_status(const follow::Follow& follow) const {
  api::FollowStatus status{.request = requests().at(follow.mint_id), .follow = follow, .next_check = {}};
  const Now now = io::read_clocks();
  if (follow.next_check != never) status.next_check = now.wall + (follow.next_check - now.instant);
  return status;
}

std::vector<api::FollowStatus> Follower::follows() const {
  std::vector<api::FollowStatus> all;
  for (const follow::Follow& follow : list_.list()) all.push_back(to_status(follow));
  return all;
}

std::optional<api::FollowStatus> Follower::followed(std::string_view mint_id) const {
  const auto follow = list_.find(mint_id);
  return follow ? std::optional(to_status(*follow)) : std::nullopt;
}

std::string Follower::room_of(std::string_view mint_id) const {
  return replace_all(config_.livekit_room, "{mint_id}", mint_id);
}

livekit::MutedTracks Follower::muted_tracks(const control::StartRequest& request) const {
  const bool limited = request.options.over(config_.recording).mute_limit > Duration::zero();
  return limited ? livekit::MutedTracks::do_not_count : livekit::MutedTracks::count;
}

void Follower::stop() {
  stopped_ = true;
  timer_.cancel();
}

void Follower::arm() {
  const Instant deadline = list_.deadline();
  if (stopped_ || deadline == never) {
    timer_.cancel();
    return;
  }
  timer_.start(std::max(Duration::zero(), deadline - io::read_monotonic_clock()), [this] { look(); });
}

void Follower::look() {
  std::vector<std::string> together;
  for (auto& [mint_id, haste] : list_.take_due(io::read_monotonic_clock())) {
    if (endpoint_) {
      ask_endpoint(mint_id);
    } else if (!room_service_) {
      handle_check(mint_id, {follow::Outcome::refused, {}, std::string(no_way)});
    } else if (haste == follow::Haste::at_once) {
      ask_room(mint_id);
    } else {
      together.push_back(std::move(mint_id));
    }
  }
  if (together.size() == 1) {
    ask_room(together.front());
  } else if (!together.empty()) {
    ask_which_rooms(std::move(together));
  }
  arm();
}

void Follower::send(HttpRequest request, std::move_only_function<void(const Result<HttpResponse>&)> then) {
  http_.send(std::move(request), control_,
             [this, then = std::move(then)](const Result<HttpResponse>& reply) mutable {
               if (!stopped_) then(reply);
             });
}

void Follower::ask_endpoint(const std::string& mint_id) {
  send(endpoint_->request(mint_id), [this, mint_id](const Result<HttpResponse>& reply) {
    const auto outcome = endpoint_->handle_reply(reply, io::read_wall_clock(), random_);
    if (const auto* later = std::get_if<livekit::AskLater>(&outcome)) {
      const bool not_live = later->why.code == ErrorCode::not_found;
      handle_check(mint_id,
                   not_live ? follow::Check{follow::Outcome::not_live, later->wait, {}} : trouble(*later));
    } else if (const auto* error = std::get_if<Error>(&outcome)) {
      handle_check(mint_id, {follow::Outcome::refused, {}, error->message});
    } else {
      handle_check(mint_id, {follow::Outcome::live, {}, {}});
    }
  });
}

void Follower::ask_which_rooms(std::vector<std::string> mint_ids) {
  std::vector<std::string> rooms;
  rooms.reserve(mint_ids.size());
  for (const std::string& mint_id : mint_ids) rooms.push_back(room_of(mint_id));
  const WallTime now = io::read_wall_clock();
  send(room_service_->list_rooms(rooms, now),
       [this, mint_ids = std::move(mint_ids)](const Result<HttpResponse>& reply) {
         const auto there = livekit::RoomService::read_rooms(reply, io::read_wall_clock());
         for (const std::string& mint_id : mint_ids) {
           if (!there) {
             handle_check(mint_id, trouble(there.error()));
           } else if (!there->contains(room_of(mint_id))) {
             handle_check(mint_id, {follow::Outcome::not_live, {}, {}});
           } else {
             ask_room(mint_id);
           }
         }
       });
}

void Follower::ask_room(const std::string& mint_id) {
  send(room_service_->list_participants(room_of(mint_id), io::read_wall_clock()),
       [this, mint_id](const Result<HttpResponse>& reply) {
         const auto request = requests().find(mint_id);
         if (request == requests().end()) return;  // unfollowed meanwhile
         const auto presence = livekit::RoomService::read_participants(
             reply, request->second.participant, muted_tracks(request->second), io::read_wall_clock());
         if (!presence) return handle_check(mint_id, trouble(presence.error()));
         const bool live = *presence == livekit::Presence::publishes;
         handle_check(mint_id, {live ? follow::Outcome::live : follow::Outcome::not_live, {}, {}});
       });
}

void Follower::handle_check(const std::string& mint_id, const follow::Check& check) {
  ++checks_[static_cast<std::size_t>(check.outcome)];
  const auto before = list_.find(mint_id);
  const follow::Decision decision = list_.handle_check(mint_id, check, io::read_monotonic_clock());
  const auto after = list_.find(mint_id);
  if (after && after->state == follow::State::error && before->last_error != after->last_error) {
    log::warn("{}: cannot check whether the stream is live: {}", mint_id, after->last_error);
  }
  // Held, yet live: somebody may have started it by hand.
  if (check.outcome == follow::Outcome::live && after && after->held) notice_recording(mint_id);
  act(mint_id, decision);
}

void Follower::act(const std::string& mint_id, follow::Decision decision) {
  const auto request = requests().find(mint_id);
  if (decision == follow::Decision::start && request != requests().end()) {
    log::info("{}: the followed stream is live, starting a recording", mint_id);
    const auto started = recorder_.start(request->second);
    if (started) {
      list_.handle_started(mint_id, id_of(*started));
    } else if (!notice_recording(mint_id)) {
      const Error& error = started.error();
      const Instant now = io::read_monotonic_clock();
      log::warn("{}: cannot start a recording: {}", mint_id, error.message);
      error.code == ErrorCode::exhausted ? list_.handle_start_postponed(mint_id, error.message, now)
                                         : list_.handle_start_failed(mint_id, error.message, now);
    }
  }
  keep_revision();
  arm();
}

bool Follower::notice_recording(const std::string& mint_id) {
  if (const auto watch = recorder_.watch(mint_id); watch && watch->state == control::WatchState::watching) {
    list_.handle_started(mint_id, watch->watch_id);
    return true;
  }
  for (const recording::Status& status : recorder_.status(mint_id)) {
    if (!recording::is_active(status.state)) continue;
    list_.handle_started(mint_id, status.recording_id);
    return true;
  }
  return false;
}

void Follower::handle_recording_over(const recording::Status& status) {
  // With participants = all the others may go on.
  if (!list_.contains(status.mint_id) || notice_recording(status.mint_id)) return;
  const std::string why = status.error.empty() ? "no media came" : status.error;
  list_.handle_over(status.mint_id, ended_by(status), status.recording_id, why, io::read_monotonic_clock());
  keep_revision();
  arm();
}

void Follower::handle_watch_over(const control::WatchStatus& status) {
  // The recordings of the participants may go on.
  if (!list_.contains(status.mint_id) || notice_recording(status.mint_id)) return;
  list_.handle_over(status.mint_id, ended_by(status), status.watch_id, status.error,
                    io::read_monotonic_clock());
  keep_revision();
  arm();
}

Result<void> Follower::handle_webhook(std::string_view authorization, std::string_view body) {
  const auto count = [this](api::WebhookOutcome outcome) { ++webhooks_[static_cast<std::size_t>(outcome)]; };
  if (config_.livekit_api_key.empty()) {
    count(api::WebhookOutcome::refused);
    return fail(ErrorCode::unsupported,
                "webhooks are not accepted: set livekit_api_key and livekit_api_secret, which are needed to "
                "check their signatures");
  }
  auto event = livekit::read_webhook(authorization, body, config_.livekit_api_key, config_.livekit_api_secret,
                                     io::read_wall_clock());
  if (!event) {
    count(event.error().code == ErrorCode::refused ? api::WebhookOutcome::refused
                                                   : api::WebhookOutcome::invalid);
    return std::unexpected(std::move(event.error()));
  }
  count(stopped_ ? api::WebhookOutcome::ignored : handle_event(*event));
  return {};
}

api::WebhookOutcome Follower::handle_event(const livekit::WebhookEvent& event) {
  using Kind = livekit::WebhookEvent::Kind;
  if (event.kind == Kind::other) return api::WebhookOutcome::ignored;
  const bool is_fresh = event.created && std::chrono::abs(io::read_wall_clock() - *event.created) < fresh;
  std::vector<std::string> concerned;
  for (const auto& [mint_id, request] : requests()) {
    const bool another = event.kind == Kind::published && !request.participant.empty() &&
                         request.participant != event.participant;
    if (!another && room_of(mint_id) == event.room) concerned.push_back(mint_id);
  }
  for (const std::string& mint_id : concerned) {
    follow::Decision decision = follow::Decision::nothing;
    const bool silent =
        event.muted && muted_tracks(requests().at(mint_id)) == livekit::MutedTracks::do_not_count;
    if (event.kind == Kind::published && is_fresh && !silent) {
      decision = list_.handle_published(mint_id);
    } else if (event.kind == Kind::room_over && is_fresh) {
      list_.handle_gone(mint_id);
    } else {
      list_.hurry(mint_id, io::read_monotonic_clock());
    }
    act(mint_id, decision);
  }
  return concerned.empty() ? api::WebhookOutcome::ignored : api::WebhookOutcome::acted;
}

std::vector<KeptFollow> Follower::kept(const Requests& requests) const {
  std::vector<KeptFollow> all;
  for (const auto& [mint_id, request] : requests) {
    const auto follow = list_.find(mint_id).value_or(follow::Follow{});
    all.push_back({request, follow.held, follow.last_recording_id});
  }
  return all;
}

void Follower::keep_revision() {
  if (list_.revision() == kept_revision_) return;
  kept_revision_ = list_.revision();
  store_.change([](Requests&) -> Result<void> { return {}; },
                [](const Result<void>& saved) {
                  if (!saved) log::error("cannot save the follow list: {}", saved.error().message);
                });
}

}  // namespace holdfast::app
