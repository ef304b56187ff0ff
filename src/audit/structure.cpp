#include "audit/structure.hpp"

#include <algorithm>

#include "audit/mkv_reader.hpp"
#include "audit/mp4_reader.hpp"
#include "audit/ts_reader.hpp"

namespace holdfast::audit {

void StructureReader::report(What what, Severity severity, std::uint64_t offset, std::string detail) {
  if (forgiven_from_ && offset >= *forgiven_from_) severity = Severity::note;
  findings_.add({.what = what,
                 .severity = severity,
                 .file = file_,
                 .from = offset,
                 .packet = packet_at(offset),
                 .pts = position_,
                 .detail = std::move(detail)});
}

void StructureReader::note_frame(const SeenFrame& seen) {
  TrackStructure& track = structure_.tracks[seen.track];
  ++track.frames;
  if (seen.key) ++track.key_frames;
  if (track.last_pts && seen.pts > *track.last_pts) track.usual_step = seen.pts - *track.last_pts;
  track.first_pts = std::min(track.first_pts.value_or(seen.pts), seen.pts);
  track.last_pts = std::max(track.last_pts.value_or(seen.pts), seen.pts);
  look_for_hole(seen);
  structure_.first = std::min(structure_.first.value_or(seen.pts), seen.pts);
  structure_.last = std::max(structure_.last.value_or(seen.pts), seen.pts + seen.duration);
  position_ = seen.pts;
}

// Tracks come interleaved loosely: what looks like a hole may be filled by another track a little later.
void StructureReader::look_for_hole(const SeenFrame& seen) {
  std::vector<Hole>& holes = structure_.holes;
  if (structure_.last && seen.pts > *structure_.last + Structure::hole_after) {
    if (holes.size() < Structure::max_holes) holes.push_back({*structure_.last, seen.pts, seen.offset});
    return;
  }
  constexpr std::size_t recent = 4;
  const std::size_t begin = holes.size() - std::min(holes.size(), recent);
  for (std::size_t next = holes.size(); next > begin; --next) {
    const std::size_t i = next - 1;
    const Hole hole = holes[i];
    if (seen.pts < hole.from || seen.pts >= hole.to) continue;
    holes.erase(holes.begin() + static_cast<std::ptrdiff_t>(i));
    const Hole before{hole.from, seen.pts, seen.offset};
    const Hole after{seen.pts + seen.duration, hole.to, hole.offset};
    for (const Hole& rest : {after, before}) {
      if (rest.to - rest.from > Structure::hole_after) {
        holes.insert(holes.begin() + static_cast<std::ptrdiff_t>(i), rest);
      }
    }
    return;
  }
}

std::unique_ptr<StructureReader> make_structure_reader(container::Format format, Findings& findings,
                                                       std::string file, Rules rules, media::Ticks near) {
  switch (format) {
    case container::Format::mpegts:
      return std::make_unique<TsReader>(findings, std::move(file), rules, near);
    case container::Format::mp4:
      return std::make_unique<Mp4Reader>(findings, std::move(file), rules);
    case container::Format::mkv:
      return std::make_unique<MkvReader>(findings, std::move(file), rules);
  }
  std::unreachable();
}

std::optional<container::Format> recognise(Bytes head) {
  constexpr std::size_t packet = 188;
  const auto begins_packet = [&](std::size_t at) { return at >= head.size() || head[at] == 0x47; };
  if (head.size() >= 4 && load_u32(head.data()) == 0x1a45dfa3) return container::Format::mkv;
  if (head.size() >= 8 && as_text(head.subspan(4, 4)) == "ftyp") return container::Format::mp4;
  if (head.size() >= packet && head[0] == 0x47 && begins_packet(packet) && begins_packet(2 * packet)) {
    return container::Format::mpegts;
  }
  // A damaged beginning: three sync bytes in a row, one packet apart, are somewhere.
  for (std::size_t at = 0; at + 3 * packet < head.size(); ++at) {
    if (head[at] == 0x47 && head[at + packet] == 0x47 && head[at + 2 * packet] == 0x47 &&
        head[at + 3 * packet] == 0x47) {
      return container::Format::mpegts;
    }
  }
  return std::nullopt;
}

}  // namespace holdfast::audit
