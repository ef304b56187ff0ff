#include "livekit/roster.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "livekit/signal.pb.h"

namespace holdfast::livekit {
namespace {

std::int64_t joined_at_ms(const wire::Participant& info) {
  // Older servers tell seconds only. What a second field can hold never overflows.
  constexpr std::int64_t limit = std::int64_t{1} << 40;
  return info.joined_at_ms() != 0 ? info.joined_at_ms()
                                  : std::clamp<std::int64_t>(info.joined_at(), 0, limit) * 1000;
}

// Snapshots may overtake one another: `version` counts within a session, and a publisher that joins anew has
// a new sid.
bool is_stale(const wire::Participant& info, const Publisher& known) {
  if (info.sid() == known.sid) return info.version() < known.version;
  return info.state() == wire::Participant::DISCONNECTED || joined_at_ms(info) < known.joined_at_ms;
}

}  // namespace

bool Publisher::can_record(media::Kind kind) const {
  return std::ranges::any_of(tracks,
                             [&](const Track& track) { return track.kind == kind && track.can_record(); });
}

Roster::Change Roster::apply(const wire::Participant& info) {
  if (info.identity().empty()) return Change::none;
  Publisher* known = find_mutable(info.identity());
  if (known != nullptr && is_stale(info, *known)) return Change::none;
  Change change = Change::none;
  if (info.state() == wire::Participant::DISCONNECTED) {
    if (known == nullptr) return Change::none;
    publishers_.erase(publishers_.begin() + (known - publishers_.data()));
    change = Change::left;
  } else {
    Publisher publisher{info.identity(), info.sid(), info.version(), joined_at_ms(info), read_tracks(info)};
    if (known != nullptr) {
      *known = std::move(publisher);
    } else if (publisher.tracks.empty() || publishers_.size() >= max_participants) {
      return Change::none;
    } else {
      insert(std::move(publisher));
    }
    change = Change::updated;
  }
  std::erase_if(server_refusals_, [&](const auto& entry) { return find_track(entry.first) == nullptr; });
  return change;
}

std::vector<Track> Roster::read_tracks(const wire::Participant& info) const {
  std::vector<Track> tracks;
  for (const wire::Track& announced : info.tracks()) {
    auto track = read_track(info, announced);
    if (!track) continue;
    const auto refusal = server_refusals_.find(track->sid);
    if (refusal != server_refusals_.end()) track->refusal = refusal->second;
    tracks.push_back(std::move(*track));
  }
  return tracks;
}

void Roster::insert(Publisher publisher) {
  const auto later = [](std::int64_t joined, const Publisher& other) { return joined < other.joined_at_ms; };
  publishers_.insert(std::upper_bound(publishers_.begin(), publishers_.end(), publisher.joined_at_ms, later),
                     std::move(publisher));
}

void Roster::refuse(std::string_view track_sid, std::string_view why) {
  Track* track = find_mutable_track(track_sid);
  if (track == nullptr) return;
  track->refusal = fmt::format("{}: {}", describe(*track), why);
  server_refusals_[track->sid] = track->refusal;
}

void Roster::allow(std::string_view track_sid) {
  const auto refusal = server_refusals_.find(track_sid);
  if (refusal == server_refusals_.end()) return;
  server_refusals_.erase(refusal);
  if (Track* track = find_mutable_track(track_sid)) track->refusal.clear();
}

const Publisher* Roster::find(std::string_view identity) const {
  const auto it = std::ranges::find(publishers_, identity, &Publisher::identity);
  return it == publishers_.end() ? nullptr : &*it;
}

const Track* Roster::find_track(std::string_view sid) const {
  for (const Publisher& publisher : publishers_) {
    const auto it = std::ranges::find(publisher.tracks, sid, &Track::sid);
    if (it != publisher.tracks.end()) return &*it;
  }
  return nullptr;
}

// The object is ours and not const, so neither is what it holds.
Publisher* Roster::find_mutable(std::string_view identity) {
  return const_cast<Publisher*>(find(identity));
}
Track* Roster::find_mutable_track(std::string_view sid) {
  return const_cast<Track*>(find_track(sid));
}

}  // namespace holdfast::livekit
