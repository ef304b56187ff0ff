#include <algorithm>
#include <ranges>
#include <utility>

#include "app/config.hpp"
#include "app/setting_types.hpp"

namespace holdfast::app {
namespace {

using control::RecordingOption;

// Tells shells where to complete paths.
std::string_view value_name(std::string_view setting, std::string_view of_type) {
  if (setting == "recordings") return "DIR";
  return setting.ends_with("_file") ? "FILE" : of_type;
}

Setting as_setting(Option<Config> option) {
  option.value_name = value_name(option.name, option.value_name);
  std::string default_text = option.get(Config{});
  return {std::move(option), std::move(default_text)};
}

template <typename Field, typename Limits = AnyValue>
Setting make(std::string_view name, Field field, std::string_view help, Limits range = {}) {
  return as_setting(make_option<Config>(name, field, help, range));
}

Setting of_recordings(const RecordingOption& option) {
  return as_setting(
      {.name = option.name,
       .value_name = option.value_name,
       .help = option.help,
       .is_list = option.is_list,
       .is_duration = option.is_duration,
       .set = [&option](Config& config,
                        std::span<const std::string> texts) { return option.set(config.recording, texts); },
       .get = [&option](const Config& config) { return option.get(config.recording); }});
}

// NOLINTBEGIN(bugprone-macro-parentheses): `member` is a name
#define HOLDFAST_FIELD(member) [](Config& config) -> auto& { return config.member; }
// NOLINTEND(bugprone-macro-parentheses)

std::vector<Setting> make_settings() {
  using namespace std::chrono_literals;
  std::vector<Setting> table{
      make("listen", HOLDFAST_FIELD(listen),
           "address of the API and of WHIP, or unix:PATH for a Unix socket; an address that is not loopback "
           "needs "
           "api_token or insecure"),
      make("tls_certificate_file", HOLDFAST_FIELD(tls_certificate_file),
           "certificate chain for HTTPS, a PEM file; read again on SIGHUP; not set: plain HTTP"),
      make("tls_key_file", HOLDFAST_FIELD(tls_key_file), "private key of the certificate, a PEM file"),
      make("recordings", HOLDFAST_FIELD(recordings), "folder for the recordings"),
      make("livekit_url", HOLDFAST_FIELD(livekit_url), "URL of the LiveKit server, ws://... or wss://..."),
      make("livekit_api_key", HOLDFAST_FIELD(livekit_api_key),
           "LiveKit API key, used to generate join tokens"),
      make("livekit_api_secret", HOLDFAST_FIELD(livekit_api_secret), "LiveKit API secret"),
      make("livekit_room", HOLDFAST_FIELD(livekit_room),
           "name of the LiveKit room of a stream; {mint_id} is replaced by the stream's id"),
      make("wait_limit", HOLDFAST_FIELD(wait_limit),
           "how long to wait for a stream that is not live yet; 0: do not wait"),
      make("ice_transport_policy", HOLDFAST_FIELD(ice_transport_policy),
           "all: UDP, or TCP and TURN if UDP is blocked; relay: TURN servers only"),
      make("turn_servers", HOLDFAST_FIELD(turn_servers),
           "TURN servers for networks that block UDP, in addition to the servers that LiveKit names"),
      make("turn_username", HOLDFAST_FIELD(turn_username), "user name for turn_servers"),
      make("turn_credential", HOLDFAST_FIELD(turn_credential), "credential for turn_servers"),
      make("turn_ca_file", HOLDFAST_FIELD(turn_ca_file),
           "CA certificates to trust for turns: servers, a PEM file; not set: the system's"),
      make("resume", HOLDFAST_FIELD(resume),
           "on start, resume the recordings that a shutdown or a crash interrupted"),
      make("resume_limit", HOLDFAST_FIELD(resume_limit),
           "resume a recording only if it was interrupted less than this long ago"),
      make("sync_interval", HOLDFAST_FIELD(sync_interval),
           "how often to flush to stable storage (fdatasync); 0: only when a file is closed",
           Range<Duration>{.least = 100ms, .most = 1min, .zero = Zero::too}),
      make("min_free", HOLDFAST_FIELD(min_free), "refuse new recordings while less space than this is free"),
      make("keep_days", HOLDFAST_FIELD(retention.keep_days),
           "delete recordings this many days after they end; 0: never", Range<unsigned>{.most = 36'500}),
      make("keep_bytes", HOLDFAST_FIELD(retention.keep_bytes),
           "delete the oldest recordings while all recordings together are larger than this; 0: never"),
      make("keep_free", HOLDFAST_FIELD(retention.keep_free),
           "delete the oldest recordings while less space than this is free; 0: never"),
      make("follow_interval", HOLDFAST_FIELD(follow_interval),
           "how often to check whether a followed stream is live", Range<Duration>{.least = 1s}),
      make("follow_limit", HOLDFAST_FIELD(follow_limit), "how many streams may be followed",
           Range<unsigned>{.most = 10'000}),
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
      make("workers", HOLDFAST_FIELD(workers), "number of threads that record; 0: one per processor",
           Range<unsigned>{.most = 256}),
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
           "how long to wait before the next request", Range<Duration>{.least = 100ms}),
      make("token_endpoint.jitter", HOLDFAST_FIELD(token_endpoint.jitter),
           "each wait is longer by a random share, at most this one (0 to 1)"),
      make("token_endpoint.timeout", HOLDFAST_FIELD(token_endpoint.timeout), "timeout of one request",
           Range<Duration>{.least = 100ms}),
  };
  // Behind where to connect, before the limits.
  const auto place = std::ranges::find(table, "wait_limit", &Setting::name);
  const auto rows = control::recording_options() | std::views::transform(of_recordings);
  table.insert(place, rows.begin(), rows.end());
  return table;
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
