#include <algorithm>
#include <utility>

#include "app/config.hpp"
#include "app/setting_types.hpp"

namespace holdfast::app {
namespace {

// What stands for the value in --help, and tells shells where to complete paths.
template <typename Value>
std::string_view value_name(std::string_view setting) {
  if (setting == "recordings") return "DIR";
  return setting.ends_with("_file") ? "FILE" : Type<Value>::name;
}

// `field` gives the place in a Config; it holds no state, so that each setting's functions are plain ones.
template <typename Field>
Setting make(std::string_view name, Field, std::string_view help) {
  using Value = std::remove_reference_t<decltype(Field()(std::declval<Config&>()))>;
  Config defaults;
  return {name,
          value_name<Value>(name),
          help,
          Type<Value>::write(Field()(defaults)),
          [](Config& config, std::span<const std::string> values) -> Result<void> {
            const std::string_view problem = read_values(values, Field()(config));
            if (!problem.empty()) return fail(ErrorCode::invalid, "{}", problem);
            return {};
          },
          is_list<Value>};
}

// NOLINTBEGIN(bugprone-macro-parentheses): `member` is a name
#define HOLDFAST_FIELD(member) [](Config& config) -> auto& { return config.member; }
// NOLINTEND(bugprone-macro-parentheses)

std::vector<Setting> make_settings() {
  return {
      make("listen", HOLDFAST_FIELD(listen),
           "address of the API and of WHIP; an address that is not loopback needs api_token or insecure"),
      make("recordings", HOLDFAST_FIELD(recordings), "folder for the recordings"),
      make("livekit_url", HOLDFAST_FIELD(livekit_url), "URL of the LiveKit server, ws://... or wss://..."),
      make("livekit_api_key", HOLDFAST_FIELD(livekit_api_key),
           "LiveKit API key, used to generate join tokens"),
      make("livekit_api_secret", HOLDFAST_FIELD(livekit_api_secret), "LiveKit API secret"),
      make("livekit_room", HOLDFAST_FIELD(livekit_room),
           "name of the LiveKit room of a stream; {mint_id} is replaced by the stream's id"),
      make("format", HOLDFAST_FIELD(format), "file format if the request does not set it"),
      make("audio", HOLDFAST_FIELD(audio),
           "aac: convert to AAC, which plays everywhere; copy: keep Opus, for a tenth of the CPU"),
      make("video_quality", HOLDFAST_FIELD(video_quality), "simulcast layer to record; not set: the highest"),
      make("fill", HOLDFAST_FIELD(fill),
           "write silence or repeated pictures while one track has no media and another has"),
      make("wait_limit", HOLDFAST_FIELD(wait_limit),
           "how long to wait for a stream that is not live yet; 0: do not wait"),
      make("track_wait", HOLDFAST_FIELD(track_wait),
           "how long to wait for video before recording audio only"),
      make("gap_limit", HOLDFAST_FIELD(gap_limit),
           "end the recording after a gap in all tracks that is longer than this; 0: never"),
      make("mute_limit", HOLDFAST_FIELD(mute_limit),
           "end the recording after all tracks were muted for longer than this; 0: never"),
      make("recovery_window", HOLDFAST_FIELD(recovery_window),
           "how long to request a lost packet and to wait for it; at most 10s"),
      make("damage", HOLDFAST_FIELD(damage),
           "video between a lost frame and the next key frame: keep it, marked in the journal, or drop it"),
      make("keyframe_interval", HOLDFAST_FIELD(keyframe_interval),
           "request a key frame if none was received for this long; 0: never"),
      make("ice_transport_policy", HOLDFAST_FIELD(ice_transport_policy),
           "all: UDP, or TCP and TURN if UDP is blocked; relay: TURN servers only"),
      make("turn_servers", HOLDFAST_FIELD(turn_servers),
           "TURN servers for networks that block UDP, in addition to the servers that LiveKit names"),
      make("turn_username", HOLDFAST_FIELD(turn_username), "user name for turn_servers"),
      make("turn_credential", HOLDFAST_FIELD(turn_credential), "credential for turn_servers"),
      make("turn_ca_file", HOLDFAST_FIELD(turn_ca_file),
           "CA certificates to trust for turns: servers, a PEM file; not set: the system's"),
      make("part_duration", HOLDFAST_FIELD(part_duration),
           "start a new file after this time, at the next key frame; 0: never"),
      make("part_size", HOLDFAST_FIELD(part_size),
           "start a new file at this size, at the next key frame; 0: never"),
      make("resume", HOLDFAST_FIELD(resume),
           "on start, resume the recordings that a shutdown or a crash interrupted"),
      make("resume_limit", HOLDFAST_FIELD(resume_limit),
           "resume a recording only if it was interrupted less than this long ago"),
      make("sync_interval", HOLDFAST_FIELD(sync_interval),
           "how often to flush to stable storage (fdatasync); 0: only when a file is closed"),
      make("min_free", HOLDFAST_FIELD(min_free), "refuse new recordings while less space than this is free"),
      make("keep_days", HOLDFAST_FIELD(retention.keep_days),
           "delete recordings this many days after they end; 0: never"),
      make("keep_bytes", HOLDFAST_FIELD(retention.keep_bytes),
           "delete the oldest recordings while all recordings together are larger than this; 0: never"),
      make("keep_free", HOLDFAST_FIELD(retention.keep_free),
           "delete the oldest recordings while less space than this is free; 0: never"),
      make("follow_interval", HOLDFAST_FIELD(follow_interval),
           "how often to check whether a followed stream is live"),
      make("follow_limit", HOLDFAST_FIELD(follow_limit), "how many streams may be followed"),
      make("media_listen", HOLDFAST_FIELD(media_listen),
           "UDP address for WHIP media; worker n uses port + n"),
      make("whip_token", HOLDFAST_FIELD(whip_token),
           "bearer token for WHIP publishers; not set: api_token, if that is set"),
      make("whip_record", HOLDFAST_FIELD(whip_record), "record a WHIP stream as soon as it is published"),
      make("api_token", HOLDFAST_FIELD(api_token), "bearer token for the API and /metrics"),
      make("allowed_hosts", HOLDFAST_FIELD(allowed_hosts),
           "host names to accept in the Host header, in addition to loopback names; *: any"),
      make("allowed_origins", HOLDFAST_FIELD(allowed_origins),
           "origins whose web pages may use the API and WHIP; *: any"),
      make("insecure", HOLDFAST_FIELD(insecure),
           "allow a listen address that other machines can reach, without any token"),
      make("workers", HOLDFAST_FIELD(workers), "number of threads that record; 0: one per processor"),
      make("admission_limit", HOLDFAST_FIELD(admission_limit),
           "refuse new recordings that would push a thread above this load (0 to 1); 0: no limit"),
      make("log_level", HOLDFAST_FIELD(log_level), "lowest severity to log"),
      make("metrics_label_limit", HOLDFAST_FIELD(metrics_label_limit),
           "how many mint ids get their own metrics"),
      make("token_endpoint.method", HOLDFAST_FIELD(token_endpoint.method), "HTTP method of the request"),
      make("token_endpoint.url", HOLDFAST_FIELD(token_endpoint.url),
           "URL that returns join tokens; {mint_id} is replaced by the stream's id"),
      make("token_endpoint.headers", HOLDFAST_FIELD(token_endpoint.headers),
           "header fields to send; {mint_id} is replaced"),
      make("token_endpoint.body", HOLDFAST_FIELD(token_endpoint.body),
           "JSON body to send; {mint_id} is replaced"),
      make("token_endpoint.token_pointer", HOLDFAST_FIELD(token_endpoint.token_pointer),
           "JSON pointer to the token in the reply"),
      make("token_endpoint.url_pointer", HOLDFAST_FIELD(token_endpoint.server_url_pointer),
           "JSON pointer to the server's URL; not set: livekit_url"),
      make("token_endpoint.live_pointer", HOLDFAST_FIELD(token_endpoint.live_pointer),
           "JSON pointer to the live flag; not set: a stream that gets a token counts as live"),
      make("token_endpoint.not_live_statuses", HOLDFAST_FIELD(token_endpoint.not_live_statuses),
           "HTTP statuses that mean \"not live\""),
      make("token_endpoint.poll_interval", HOLDFAST_FIELD(token_endpoint.poll_interval),
           "how long to wait before the next request"),
      make("token_endpoint.jitter", HOLDFAST_FIELD(token_endpoint.jitter),
           "each wait is longer by a random share, at most this one (0 to 1)"),
      make("token_endpoint.timeout", HOLDFAST_FIELD(token_endpoint.timeout), "timeout of one request"),
  };
}

#undef HOLDFAST_FIELD

std::string spelled(std::string_view name, std::string_view prefix, char separator, bool upper) {
  std::string out(prefix);
  for (const char c : name) {
    if (c == '_' || c == '.') {
      out += separator;
    } else {
      out += upper && c >= 'a' ? static_cast<char>(c - 'a' + 'A') : c;
    }
  }
  return out;
}

}  // namespace

std::string_view to_string(LogLevel level) {
  return log_level_names[std::to_underlying(level)];
}

std::string Setting::environment_name() const {
  return spelled(name, "HOLDFAST_", '_', true);
}
std::string Setting::flag_name() const {
  return spelled(name, "--", '-', false);
}

std::span<const Setting> settings() {
  static const std::vector<Setting> table = make_settings();
  return table;
}

const Setting* find_setting(std::string_view name) {
  const auto found = std::ranges::find(settings(), name, &Setting::name);
  return found == settings().end() ? nullptr : &*found;
}

}  // namespace holdfast::app
