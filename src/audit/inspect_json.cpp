#include <boost/json.hpp>

#include "audit/inspect.hpp"

namespace holdfast::audit {
namespace {

namespace json = boost::json;

double seconds(media::Ticks ticks) {
  return static_cast<double>(ticks) / media::ticks_per_second;
}

json::object describe(const journal::LedgerEvent& ledger) {
  return {{"expected", ledger.expected},
          {"written", ledger.written},
          {"lost", ledger.lost},
          {"dropped", ledger.dropped},
          {"pending", ledger.pending},
          {"recovered_nack", ledger.recovered_nack},
          {"recovered_rtx", ledger.recovered_rtx},
          {"recovered_red", ledger.recovered_red},
          {"duplicates", ledger.duplicates},
          {"late", ledger.late},
          {"frames", ledger.frames},
          {"frames_lost", ledger.frames_lost},
          {"frames_damaged", ledger.frames_damaged},
          {"filler_frames", ledger.filler_frames}};
}

json::array describe(const std::vector<journal::Span>& spans) {
  json::array out;
  for (const journal::Span& span : spans) out.push_back({{"from_pts", span.from}, {"to_pts", span.to}});
  return out;
}

json::object describe(const journal::TrackState& track, media::Ticks end) {
  json::object out;
  out["kind"] = track.format->kind;
  out["codec"] = track.format->codec;
  out["written_as"] = track.format->written_as;
  out["width"] = track.format->width;
  out["height"] = track.format->height;
  out["sample_rate"] = track.format->sample_rate;
  out["channels"] = track.format->channels;
  if (track.ledger) out["ledger"] = describe(*track.ledger);
  json::object losses;
  for (const auto& [cause, lost] : track.losses)
    losses[cause] = {{"packets", lost.packets}, {"frames", lost.frames}};
  out["losses"] = std::move(losses);
  out["damage"] = {{"spans", track.damaged_spans},
                   {"frames", track.damaged_frames},
                   {"seconds", seconds(track.damaged_ticks)}};
  out["fill"] = {{"frames", track.filler_frames}, {"seconds", seconds(track.filler_ticks)}};
  out["mutes"] = describe(track.mutes_until(end));
  json::array sizes;
  for (const journal::SizeChange& size : track.sizes) {
    sizes.push_back({{"pts", size.pts}, {"width", size.width}, {"height", size.height}});
  }
  out["sizes"] = std::move(sizes);
  if (const auto drift = drift_ppm(track)) out["drift_ppm"] = *drift;
  return out;
}

json::object describe(const TrackStructure& track) {
  return {{"kind", media::to_string(track.kind)},
          {"written_as", track.codec},
          {"width", track.width},
          {"height", track.height},
          {"sample_rate", track.sample_rate},
          {"channels", track.channels},
          {"frames", track.frames},
          {"key_frames", track.key_frames}};
}

void describe(const journal::State& journal, json::object& out) {
  out["start"] = format_rfc3339(journal.start_time);
  out["program"] = journal.start.program;
  out["recording_id"] = journal.start.recording_id;
  out["mint_id"] = journal.start.mint_id;
  out["participant"] = journal.start.participant;
  if (journal.end) out["end_reason"] = to_string(journal.end->reason);
  json::object reconnects;
  for (const auto& [cause, count] : journal.reconnects) reconnects[cause] = count;
  out["reconnects"] = std::move(reconnects);
  out["resumed"] = journal.resumed;
  out["protected"] = journal.is_protected;
  json::array markers;
  for (const auto& [pts, text] : journal.markers) markers.push_back({{"pts", pts}, {"text", text}});
  out["markers"] = std::move(markers);
  if (const auto behind = sound_behind_ms(journal)) out["sound_behind_ms"] = *behind;
}

}  // namespace

std::string to_json(const Inspection& inspection) {
  json::object out;
  out["recording"] = inspection.name;
  out["state"] = inspection.state;
  out["duration"] = seconds(inspection.last - inspection.first);
  out["bytes"] = inspection.bytes;
  out["durable_bytes"] = inspection.durable_bytes;
  if (inspection.journal) describe(*inspection.journal, out);
  json::array parts, tracks, gaps;
  for (std::size_t i = 0; i < inspection.parts.size(); ++i) {
    const PartReport& part = inspection.parts[i];
    parts.push_back(
        {{"file", part.path}, {"format", part.format}, {"bytes", part.bytes}, {"missing", part.missing}});
    if (inspection.journal)
      parts.back().as_object()["reason"] = to_string(inspection.journal->parts[i].reason);
    for (const TrackStructure& track : part.structure.tracks) tracks.push_back(describe(track));
  }
  if (inspection.journal) {
    for (const journal::TrackState& track : inspection.journal->tracks) {
      if (track.format) tracks.push_back(describe(track, inspection.journal->reached));
    }
  }
  for (const journal::Gap& gap : inspection.gaps) {
    gaps.push_back({{"from_pts", gap.span.from},
                    {"to_pts", gap.span.to},
                    {"seconds", seconds(gap.span.to - gap.span.from)},
                    {"cause", gap.cause}});
  }
  out["parts"] = std::move(parts);
  out["tracks"] = std::move(tracks);
  out["gaps"] = std::move(gaps);
  return json::serialize(out);
}

}  // namespace holdfast::audit
