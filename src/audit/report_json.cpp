#include "audit/report_json.hpp"

#include <boost/json.hpp>

namespace holdfast::audit {
namespace {

namespace json = boost::json;

json::object describe(const Finding& finding) {
  json::object out;
  out["what"] = to_string(finding.what);
  out["severity"] = finding.severity == Severity::fault ? "fault" : "note";
  out["file"] = finding.file;
  if (finding.from) out["from"] = *finding.from;
  if (finding.to) out["to"] = *finding.to;
  if (finding.packet) out["packet"] = *finding.packet;
  if (finding.pts) {
    out["pts"] = *finding.pts;
    out["time"] = format_media_time(*finding.pts);
  }
  out["detail"] = finding.detail;
  out["advice"] = advice(finding.what);
  return out;
}

json::object describe(const PartReport& part) {
  json::object out;
  out["file"] = part.path;
  out["format"] = part.format;
  out["missing"] = part.missing;
  out["bytes"] = part.bytes;
  out["checked_bytes"] = part.checked_bytes;
  std::uint64_t video = 0, audio = 0;
  for (const TrackStructure& track : part.structure.tracks) {
    (track.kind == media::Kind::video ? video : audio) += track.frames;
  }
  out["video_frames"] = video;
  out["audio_frames"] = audio;
  out["first_pts"] = part.structure.first.value_or(0);
  out["last_pts"] = part.structure.last.value_or(0);
  return out;
}

}  // namespace

std::string to_json(const Report& report) {
  json::object out;
  out["recording"] = report.name;
  out["verdict"] = to_string(report.verdict);
  if (!report.error.empty()) out["error"] = report.error;
  if (report.journal) {
    out["recording_id"] = report.journal->start.recording_id;
    out["mint_id"] = report.journal->start.mint_id;
    out["journal_lines"] = report.journal->lines;
  }
  json::array parts;
  for (const PartReport& part : report.parts) parts.push_back(describe(part));
  out["parts"] = std::move(parts);
  out["faults"] = report.findings.faults();
  out["notes"] = report.findings.notes();
  json::array findings;
  for (const Finding& finding : report.findings.listed()) findings.push_back(describe(finding));
  out["findings"] = std::move(findings);
  return json::serialize(out);
}

}  // namespace holdfast::audit
