#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "archive/retention.hpp"
#include "base/address.hpp"
#include "base/links.hpp"
#include "base/log.hpp"
#include "base/option.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "base/units.hpp"
#include "control/recording_options.hpp"
#include "control/settings.hpp"
#include "livekit/token_endpoint.hpp"
#include "peer/detours.hpp"

namespace holdfast::app {

// Every setting of the program, with its default. docs/configuration.md describes them; settings() lists
// them.
struct Config {
  ListenAddress listen{{IpAddress::from_v4(127, 0, 0, 1), 8000}};
  std::string recordings = "recordings";

  std::string livekit_url;  // ws, wss, http or https; empty: WHIP only, or the request brings it
  std::string livekit_api_key;
  std::string livekit_api_secret;
  std::string livekit_room = "{mint_id}";

  control::RecordingOptions recording;  // of those that a request leaves open

  Duration resume_limit = std::chrono::hours(1);  // of recordings that another process left

  Duration wait_limit = std::chrono::minutes(10);    // 0: the stream must be live
  Duration sync_interval = std::chrono::seconds(1);  // 0: at the end of a file only
  ByteSize min_free{std::uint64_t{1} << 30};

  archive::RetentionLimits retention;  // 0 each: nothing is removed

  Duration follow_interval = std::chrono::seconds(15);
  unsigned follow_limit = 1000;

  peer::TransportPolicy ice_transport_policy = peer::TransportPolicy::all;
  std::vector<LinkTarget> turn_servers;
  std::string turn_username;
  std::string turn_credential;
  std::string turn_ca_file;

  Endpoint media_listen{IpAddress::from_v4(127, 0, 0, 1), 8189};
  std::string whip_token;
  bool whip_record = true;

  bool resume = true;  // recordings that another process left

  std::string tls_certificate_file;  // with tls_key_file; empty: plain HTTP
  std::string tls_key_file;
  std::string api_token;
  std::vector<std::string> allowed_hosts;
  std::vector<std::string> allowed_origins;
  bool insecure = false;

  unsigned workers = 0;           // 0: one a processor
  double admission_limit = 0.85;  // of what a thread, or the processors together, can do; 0: no limit
  log::Level log_level = log::Level::info;
  unsigned metrics_label_limit = 200;

  livekit::TokenEndpointConfig token_endpoint;  // url empty: none
};

// A row of the table of all settings: `name` is the key in the file ("livekit_url", "token_endpoint.url").
// Those that say how a recording is made are rows of control::recording_options().
struct Setting : Option<Config> {
  std::string default_text;  // as one would write it; empty: none

  std::string environment_name() const;  // "HOLDFAST_TOKEN_ENDPOINT_URL"
  std::string flag_name() const;         // "--token-endpoint-url"
};
std::span<const Setting> settings();
const Setting* find_setting(std::string_view name);

// A value as the command line gave it; `name` is the setting's.
struct GivenSetting {
  std::string name;
  std::vector<std::string> values;
};

struct ConfigSources {
  std::string file_name = {};  // for messages
  std::string file_text = {};  // TOML; empty: no file
  // Variables that do not begin with HOLDFAST_ are not looked at.
  std::map<std::string, std::string> environment = {};
  std::vector<GivenSetting> flags = {};
};

// Flags over environment over file over defaults, then validated. An error names the source (file and line,
// variable or flag), the key, and for an unknown key the nearest known one. HOLDFAST_CONFIG names the file
// and is no setting.
Result<Config> resolve_config(const ConfigSources& sources);
// What of it the control plane needs.
control::Settings control_settings(const Config& config);
// Whether the settings make sense together; resolve_config has done it.
Result<void> validate(const Config& config);

}  // namespace holdfast::app
