#include "recording/totals.hpp"

#include <algorithm>
#include <utility>

namespace holdfast::recording {
namespace {

constexpr std::array counters{&PacketCounts::expected,      &PacketCounts::written,
                              &PacketCounts::lost,          &PacketCounts::dropped,
                              &PacketCounts::recovered,     &PacketCounts::recovered_nack,
                              &PacketCounts::recovered_rtx, &PacketCounts::recovered_red,
                              &PacketCounts::duplicates,    &PacketCounts::late};
constexpr std::array frame_counters{&Totals::Frames::lost, &Totals::Frames::damaged, &Totals::Frames::filler};

// Adds what `now` has more than `counted`.
template <typename Number>
void count(Number& sum, Number& counted, Number now) {
  if (now <= counted) return;
  sum += now - counted;
  counted = now;
}

}  // namespace

Totals::Series& Totals::choose(const std::string& mint_id) {
  if (const auto found = own_.find(mint_id); found != own_.end()) return found->second;
  if (own_.size() >= limit_) {
    auto idle = own_.end();
    for (auto each = own_.begin(); each != own_.end(); ++each) {
      if (each->second.active > 0) continue;
      if (idle == own_.end() || each->second.ended < idle->second.ended) idle = each;
    }
    if (idle == own_.end()) {
      shared_used_ = true;
      return shared_;
    }
    own_.erase(idle);
  }
  return own_.emplace(mint_id, Series{.mint_id = mint_id}).first->second;
}

void Totals::update(const Status& status) {
  Counted& counted = recordings_[status.recording_id];
  if (counted.series == nullptr) {
    counted.series = &choose(status.mint_id);
    ++counted.series->active;
  }
  Series& series = *counted.series;
  for (const TrackStatus& track : status.tracks) {
    const auto kind = std::to_underlying(track.kind);
    PacketCounts& before = counted.packets[kind];
    for (const auto counter : counters)
      count(series.packets[kind].*counter, before.*counter, track.packets.*counter);
    for (std::size_t i = 0; i < before.dropped_by.size(); ++i)
      count(series.packets[kind].dropped_by[i], before.dropped_by[i], track.packets.dropped_by[i]);
    series.packets[kind].pending -= std::exchange(before.pending, track.packets.pending);
    series.packets[kind].pending += track.packets.pending;
    const Frames frames{track.frames_lost, track.frames_damaged, track.filler_frames};
    for (const auto counter : frame_counters)
      count(series.frames[kind].*counter, counted.frames[kind].*counter, frames.*counter);
  }
  count(series.gap_seconds, counted.gap_seconds, to_seconds(status.gap_time));
}

void Totals::end(const Status& status) {
  update(status);
  const auto found = recordings_.find(status.recording_id);
  Series& series = *found->second.series;
  for (std::size_t kind = 0; kind < series.packets.size(); ++kind)
    series.packets[kind].pending -= found->second.packets[kind].pending;
  --series.active;
  series.ended = ++ends_;
  recordings_.erase(found);
}

std::vector<const Totals::Series*> Totals::series() const {
  std::vector<const Series*> all;
  all.reserve(own_.size() + 1);
  for (const auto& [mint_id, series] : own_) all.push_back(&series);
  if (shared_used_) all.push_back(&shared_);
  return all;
}

const Totals::Series& Totals::series_of(std::string_view recording_id) const {
  const auto found = recordings_.find(recording_id);
  return found == recordings_.end() ? shared_ : *found->second.series;
}

}  // namespace holdfast::recording
