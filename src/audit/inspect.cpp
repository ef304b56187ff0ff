#include "audit/inspect.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "storage/scan.hpp"

namespace holdfast::audit {
namespace {

Result<Inspection> inspect_bare(Disk& disk, const Target& target, const VerifyProgress& progress) {
  Inspection found;
  Report report = verify(disk, target, progress);
  if (report.verdict == Verdict::unreadable) return fail(ErrorCode::io, "{}", report.error);
  found.name = report.name;
  found.state = "no journal";
  found.parts = std::move(report.parts);
  found.findings = std::move(report.findings);
  const PartReport& part = found.parts.at(0);
  if (part.format.empty()) {
    return fail(ErrorCode::invalid, "{} is not MPEG-TS, MP4 or Matroska", report.name);
  }
  found.bytes = part.bytes;
  found.first = part.structure.first.value_or(found.first);
  found.last = part.structure.last.value_or(found.first);
  for (const Hole& hole : part.structure.holes) found.gaps.push_back({{hole.from, hole.to}, "unknown"});
  return found;
}

double seconds_of_ntp(std::uint64_t ntp) {
  return static_cast<double>(ntp >> 32) + static_cast<double>(ntp & 0xffff'ffff) / 4'294'967'296.0;
}

}  // namespace

Result<Inspection> inspect(Disk& disk, const Target& target, const VerifyProgress& progress) {
  if (target.journal.empty()) return inspect_bare(disk, target, progress);
  Inspection found;
  found.name = target.folder + target.journal;
  const bool locked = storage::is_locked(disk, found.name);
  auto checked = check_journal(disk, found.name, found.findings);
  if (!checked) return std::unexpected(checked.error());
  const journal::State& state = checked->state;
  const auto sizes = list_files(disk, target.folder);
  if (!sizes) return std::unexpected(sizes.error());
  for (const journal::PartState& part : state.parts) {
    const auto size = sizes->find(part.file);
    const bool missing = size == sizes->end() && !part.set_aside();
    found.parts.push_back({.path = target.folder + part.file,
                           .format = part.format,
                           .bytes = size == sizes->end() ? 0 : size->second,
                           .checked_bytes = part.checksummed_to,
                           .missing = missing});
    found.bytes += found.parts.back().bytes;
    found.durable_bytes += state.ended() ? found.parts.back().bytes : part.checksummed_to;
  }
  found.state = state.ended() ? "ended" : locked ? "active" : "interrupted";
  if (!state.parts.empty()) found.first = state.parts.front().pts;
  found.last = std::max(found.first, state.ended() ? state.end_pts : state.reached);
  found.gaps = state.gaps;
  found.journal = std::move(checked->state);
  return found;
}

std::optional<double> drift_ppm(const journal::TrackState& track) {
  if (!track.first_anchor || !track.last_anchor || !track.format) return std::nullopt;
  const double wall = seconds_of_ntp(track.last_anchor->ntp) - seconds_of_ntp(track.first_anchor->ntp);
  constexpr double least = 10;
  if (wall < least) return std::nullopt;
  // Every RTP video format counts in 90 kHz (RFC 3551 section 5), Opus in 48 (RFC 7587 section 4.1).
  const double rate = track.format->kind == "video" ? 90'000 : 48'000;
  const double media = static_cast<double>(track.last_anchor->rtp - track.first_anchor->rtp) / rate;
  return (media / wall - 1) * 1e6;
}

std::optional<double> sound_behind_ms(const journal::State& journal) {
  const auto& video = journal.tracks[0].last_anchor;
  const auto& audio = journal.tracks[1].last_anchor;
  if (!video || !audio) return std::nullopt;
  const double file = static_cast<double>(audio->anchor_pts - video->anchor_pts) / media::ticks_per_second;
  const double wall = seconds_of_ntp(audio->ntp) - seconds_of_ntp(video->ntp);
  return (file - wall) * 1000;
}

std::string gap_bar(const Inspection& inspection, std::size_t width, Charset charset) {
  const bool utf8 = charset == Charset::utf8;
  const char* const media = utf8 ? "█" : "#";
  const char* const part = utf8 ? "▄" : "+";
  const char* const gap = utf8 ? "·" : ".";
  const char* const muted = utf8 ? "▒" : "m";
  const auto length = static_cast<double>(inspection.last - inspection.first);
  if (length <= 0 || width == 0) return {};
  // Of each cell, how much is a gap and how much is muted.
  std::vector<double> missing(width), silent(width);
  const auto paint = [&](std::vector<double>& cells, const journal::Span& span) {
    const double cell = length / static_cast<double>(width);
    const double from =
        std::clamp(static_cast<double>(span.from - inspection.first) / cell, 0.0, double(width));
    const double to = std::clamp(static_cast<double>(span.to - inspection.first) / cell, from, double(width));
    for (auto i = static_cast<std::size_t>(from); i < width && static_cast<double>(i) < to; ++i) {
      cells[i] += std::min(to, static_cast<double>(i + 1)) - std::max(from, static_cast<double>(i));
    }
  };
  for (const journal::Gap& each : inspection.gaps) paint(missing, each.span);
  if (inspection.journal) {
    for (const journal::TrackState& track : inspection.journal->tracks) {
      for (const journal::Span& span : track.mutes_until(inspection.journal->reached)) paint(silent, span);
    }
  }
  std::string bar;
  constexpr double all = 0.99, half = 0.5;
  for (std::size_t i = 0; i < width; ++i) {
    bar += missing[i] >= all ? gap : missing[i] > 0 ? part : silent[i] >= half ? muted : media;
  }
  return bar;
}

}  // namespace holdfast::audit
