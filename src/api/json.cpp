#include "api/json.hpp"

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <cmath>
#include <string>

#include "container/muxer.hpp"
#include "control/start_request_json.hpp"
#include "journal/reasons.hpp"

namespace holdfast::api {
namespace {

namespace json = boost::json;

json::value reason_or_null(std::optional<journal::EndReason> reason) {
  return reason ? json::value(to_string(*reason)) : json::value();
}

json::value text_or_null(std::string_view text) {
  return text.empty() ? json::value() : json::value(text);
}

// Milliseconds are enough for people.
double rounded_seconds(double seconds) {
  return std::round(seconds * 1000) / 1000;
}

json::object to_json(const recording::PacketCounts& packets) {
  json::object dropped_by;
  for (std::size_t i = 0; i < packets.dropped_by.size(); ++i) {
    if (packets.dropped_by[i] > 0) dropped_by[recording::drop_cause_name(i)] = packets.dropped_by[i];
  }
  return {{"expected", packets.expected},
          {"written", packets.written},
          {"lost", packets.lost},
          {"dropped", packets.dropped},
          {"pending", packets.pending},
          {"recovered", packets.recovered},
          {"duplicates", packets.duplicates},
          {"late", packets.late},
          {"recovered_by", json::object{{"nack", packets.recovered_nack},
                                        {"rtx", packets.recovered_rtx},
                                        {"red", packets.recovered_red}}},
          {"dropped_by", std::move(dropped_by)}};
}

json::object to_json(const recording::TrackStatus& track) {
  json::object object{{"kind", media::to_string(track.kind)},
                      {"codec", media::to_string(track.codec)},
                      {"written_as", media::to_string(track.written_as)},
                      {"muted", track.muted},
                      {"frames", track.frames},
                      {"filler_frames", track.filler_frames},
                      {"frames_lost", track.frames_lost},
                      {"frames_damaged", track.frames_damaged},
                      {"packets", to_json(track.packets)}};
  if (track.kind == media::Kind::video) {
    object["width"] = track.width;
    object["height"] = track.height;
  } else {
    object["sample_rate"] = track.sample_rate;
    object["channels"] = track.channels;
  }
  return object;
}

std::string_view to_string(storage::RecordingEnd end) {
  switch (end) {
    case storage::RecordingEnd::active:
      return "active";
    case storage::RecordingEnd::interrupted:
      return "interrupted";
    case storage::RecordingEnd::ended:
      break;
  }
  return "ended";
}

json::object format_json(container::Format format, std::string_view while_recording,
                         std::string_view at_stop) {
  json::array codecs;
  for (const media::Codec codec : container::codecs_of(format)) codecs.emplace_back(media::to_string(codec));
  return {{"format", container::to_string(format)},
          {"extension", container::file_extension(format)},
          {"codecs", std::move(codecs)},
          {"while_recording", while_recording},
          {"at_stop", at_stop}};
}

int http_status(ErrorCode code) {
  switch (code) {
    case ErrorCode::invalid:
    case ErrorCode::unsupported:
      return 422;
    case ErrorCode::not_found:
      return 404;
    case ErrorCode::conflict:
      return 409;
    case ErrorCode::unavailable:
    case ErrorCode::exhausted:
    case ErrorCode::io:
      return 503;
    case ErrorCode::refused:
      return 502;
    case ErrorCode::internal:
      break;
  }
  return 500;
}

}  // namespace

json::object to_json(const recording::Status& status) {
  json::array paths;
  for (const std::string& path : status.output_paths) paths.emplace_back(path);
  json::array tracks;
  for (const recording::TrackStatus& track : status.tracks) tracks.emplace_back(to_json(track));
  return {
      {"success", true},
      {"recording_id", status.recording_id},
      {"mint_id", status.mint_id},
      {"participant", text_or_null(status.participant)},
      {"state", recording::to_string(status.state)},
      {"output_path", status.output_paths.empty() ? json::value() : json::value(status.output_paths.back())},
      {"output_paths", std::move(paths)},
      {"format_used", container::to_string(status.format)},
      {"format_note", text_or_null(status.format_note)},
      {"start_time", status.start_time ? json::value(format_rfc3339(*status.start_time)) : json::value()},
      {"duration_seconds", rounded_seconds(to_seconds(status.duration))},
      {"file_size_bytes", status.file_size_bytes},
      {"gaps", status.gaps},
      {"gap_seconds", rounded_seconds(to_seconds(status.gap_time))},
      {"gap_cause", text_or_null(status.gap_cause)},
      {"tracks", std::move(tracks)},
      {"end_reason", reason_or_null(status.end_reason)},
      {"error", text_or_null(status.error)},
  };
}

json::object to_json(const control::WatchStatus& status) {
  return {{"success", true},
          {"watch_id", status.watch_id},
          {"mint_id", status.mint_id},
          {"state", control::to_string(status.state)},
          {"start_time", format_rfc3339(status.start_time)},
          {"error", text_or_null(status.error)}};
}

json::object part_json(const control::WatchStatus& status) {
  json::object part = to_json(status);
  part.erase("success");
  return part;
}

json::object list_json(const std::vector<recording::Status>& list) {
  json::object body = to_json(list.front());
  if (list.size() == 1) return body;
  json::array all;
  for (const recording::Status& status : list) all.emplace_back(to_json(status));
  body["recordings"] = std::move(all);
  return body;
}

json::object stream_json(const std::vector<recording::Status>& list,
                         const std::optional<control::WatchStatus>& watch) {
  if (list.empty()) return to_json(*watch);
  json::object body = list_json(list);
  if (!watch) return body;
  body["watch"] = part_json(*watch);
  return body;
}

json::object to_json(const storage::RecordingSummary& recording) {
  json::array files;
  for (const storage::RecordedPart& part : recording.parts) {
    files.push_back(json::object{
        {"path", part.path}, {"format", part.format}, {"bytes", part.bytes}, {"missing", part.missing}});
  }
  return {
      {"recording_id", recording.recording_id},
      {"mint_id", recording.mint_id},
      {"participant", text_or_null(recording.participant)},
      {"end", to_string(recording.end)},
      {"end_reason", reason_or_null(recording.end_reason)},
      {"start_time", format_rfc3339(recording.start_time)},
      {"duration_seconds",
       recording.duration ? json::value(rounded_seconds(*recording.duration)) : json::value()},
      {"end_time", recording.end_time ? json::value(format_rfc3339(*recording.end_time)) : json::value()},
      {"protected", recording.is_protected},
      {"gaps", recording.gaps},
      {"gap_seconds", rounded_seconds(to_seconds(recording.gap_time))},
      {"packets_lost", recording.packets_lost},
      {"frames_lost", recording.frames_lost},
      {"file_size_bytes", recording.bytes()},
      {"files", std::move(files)},
      {"journal_path", recording.journal_path},
  };
}

json::object to_json(const archive::Page& page) {
  json::array all;
  all.reserve(page.recordings.size());
  for (const storage::RecordingSummary& recording : page.recordings) all.emplace_back(to_json(recording));
  return {
      {"success", true},
      {"count", page.recordings.size()},
      {"total", page.total},
      {"next", page.next ? json::value(archive::format_position(*page.next)) : json::value()},
      {"recordings", std::move(all)},
      {"unreadable", json::array(page.unreadable.begin(), page.unreadable.end())},
  };
}

json::object to_json(const FollowStatus& status) {
  json::object options = control::to_json(status.request);
  options.erase("mint_id");
  return {
      {"success", true},
      {"mint_id", status.follow.mint_id},
      {"state", follow::to_string(status.follow.state)},
      {"stopped_by_hand", status.follow.held},
      {"last_error", text_or_null(status.follow.last_error)},
      {"next_check", status.next_check ? json::value(format_rfc3339(*status.next_check)) : json::value()},
      {"last_recording_id", text_or_null(status.follow.last_recording_id)},
      {"options", std::move(options)},
  };
}

json::object formats_json(container::Format by_default) {
  using container::Format;
  return {
      {"success", true},
      {"default", container::to_string(by_default)},
      {"formats",
       json::array{
           format_json(Format::mpegts, "plays up to the last complete frame", "complete immediately"),
           format_json(Format::mp4, "plays up to the last fragment",
                       "complete immediately as a fragmented file, then converted to an ordinary faststart "
                       "file in the background"),
           format_json(Format::mkv, "plays up to the last complete frame", "complete immediately"),
       }},
      {"audio",
       json::array{
           json::object{{"audio", "aac"},
                        {"means", "Opus is converted to AAC if the format is mpegts or mp4"}},
           json::object{{"audio", "copy"},
                        {"means", "Opus is kept unchanged; mpegts then does not play in browsers"}},
       }},
      {"video_quality", json::array{"low", "medium", "high"}},
      {"note",
       "Video is never transcoded: a VP8 stream requested as mpegts or mp4 is recorded as mkv, and the "
       "status reports this in format_used and format_note."},
  };
}

HttpResponse json_response(int status, const json::object& body) {
  return {status, {{"content-type", "application/json"}}, json::serialize(body) + '\n'};
}

HttpResponse error_response(int status, std::string_view message, std::string_view field) {
  json::object body{{"success", false}, {"error", message}};
  if (!field.empty()) body["field"] = field;
  return json_response(status, body);
}

HttpResponse error_response(const control::FieldError& error) {
  const int status = error.kind == control::FieldError::Kind::no_object ? 400 : 422;
  return error_response(status, error.message, error.field);
}

HttpResponse error_response(const Error& error) {
  json::object body{{"success", false}, {"error", error.message}};
  // To be told from what is wrong with a server or a disk: another machine would do.
  if (error.code == ErrorCode::exhausted) body["code"] = "machine_full";
  HttpResponse response = json_response(http_status(error.code), body);
  if (response.status == 503) response.headers.push_back({"retry-after", "5"});
  return response;
}

HttpResponse unknown_recording(std::string_view mint_id) {
  return json_response(404, {{"success", false},
                             {"mint_id", mint_id},
                             {"state", "stopped"},
                             {"error", "no recording of this mint id is known"}});
}

HttpResponse not_followed(std::string_view mint_id) {
  return json_response(404,
                       {{"success", false},
                        {"mint_id", mint_id},
                        {"error", "this stream is not followed; POST /api/follow/{mint_id} to follow it"}});
}

}  // namespace holdfast::api
