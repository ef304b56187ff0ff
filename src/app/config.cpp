#include "app/config.hpp"

#include <toml++/toml.h>

#include <algorithm>
#include <utility>

#include "base/text.hpp"

namespace holdfast::app {
namespace {

constexpr std::string_view environment_prefix = "HOLDFAST_";
constexpr std::string_view config_variable = "HOLDFAST_CONFIG";

// "; did you mean X?", or nothing.
std::string suggestion(std::string_view word, const std::vector<std::string>& known) {
  const std::vector<std::string_view> views(known.begin(), known.end());
  const std::string_view meant = nearest(word, views);
  return meant.empty() ? "" : fmt::format("; did you mean {}?", meant);
}

std::vector<std::string> setting_names() {
  std::vector<std::string> names;
  for (const Setting& setting : settings()) names.emplace_back(setting.name);
  return names;
}

Result<void> set(Config& config, const Setting& setting, std::span<const std::string> values,
                 std::string_view source) {
  if (const std::string problem = setting.set(config, values); !problem.empty()) {
    return fail(ErrorCode::invalid, "{}: {} {}", source, setting.name, problem);
  }
  return {};
}

// A TOML value as one would write it on the command line; nullopt: a table or a date.
std::optional<std::string> scalar_text(const toml::node& node) {
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* number = node.as_integer()) return std::to_string(number->get());
  if (const auto* number = node.as_floating_point()) return fmt::format("{}", number->get());
  if (const auto* boolean = node.as_boolean()) return boolean->get() ? "true" : "false";
  return std::nullopt;
}

std::optional<std::vector<std::string>> values_of(const toml::node& node) {
  std::vector<std::string> values;
  if (const auto* array = node.as_array()) {
    for (const toml::node& element : *array) {
      auto text = scalar_text(element);
      if (!text) return std::nullopt;
      values.push_back(std::move(*text));
    }
    return values;
  }
  auto text = scalar_text(node);
  if (!text) return std::nullopt;
  return std::vector{std::move(*text)};
}

std::string place(std::string_view file, const toml::source_region& region) {
  return fmt::format("{}:{}", file, region.begin.line);
}

// `prefix` is "" at the top, "token_endpoint." within that table.
Result<void> apply_table(Config& config, const toml::table& table, std::string_view prefix,
                         std::string_view file) {
  for (const auto& [key, node] : table) {
    const std::string name = std::string(prefix) + std::string(key.str());
    const std::string source = place(file, node.source());
    if (prefix.empty() && name == "token_endpoint" && node.is_table()) {
      if (auto done = apply_table(config, *node.as_table(), "token_endpoint.", file); !done) return done;
      continue;
    }
    const Setting* setting = find_setting(name);
    if (setting == nullptr) {
      return fail(ErrorCode::invalid, "{}: unknown key {}{}", source, printable(name),
                  suggestion(name, setting_names()));
    }
    const auto values = values_of(node);
    if (!values || (node.is_array() && !setting->is_list)) {
      return fail(ErrorCode::invalid, "{}: {} must be {}", source, name,
                  setting->is_list ? "a list of strings or numbers" : "a string, a number, true or false");
    }
    if (auto done = set(config, *setting, *values, source); !done) return done;
  }
  return {};
}

Result<void> apply_file(Config& config, std::string_view name, std::string_view text) {
  try {
    return apply_table(config, toml::parse(text, name), {}, name);
  } catch (const toml::parse_error& error) {
    return fail(ErrorCode::invalid, "{}: {}", place(name, error.source()), error.description());
  }
}

// A list in a variable: separated by line breaks where it has any (values may hold commas), else by commas.
std::vector<std::string> list_values(std::string_view text) {
  const auto pieces = split(text, text.find('\n') == std::string_view::npos ? ',' : '\n');
  return {pieces.begin(), pieces.end()};
}

Result<void> apply_environment(Config& config, const std::map<std::string, std::string>& environment) {
  std::vector<std::string> known{std::string(config_variable)};
  std::map<std::string, const Setting*> by_name;
  for (const Setting& setting : settings()) {
    known.push_back(setting.environment_name());
    by_name.emplace(known.back(), &setting);
  }
  for (const auto& [name, text] : environment) {
    if (!name.starts_with(environment_prefix) || name == config_variable) continue;
    const auto found = by_name.find(name);
    if (found == by_name.end()) {
      return fail(ErrorCode::invalid, "environment: unknown variable {}{}", printable(name),
                  suggestion(name, known));
    }
    const auto values = found->second->is_list ? list_values(text) : std::vector{text};
    if (auto done = set(config, *found->second, values, "environment " + name); !done) return done;
  }
  return {};
}

Result<void> apply_flags(Config& config, std::span<const GivenSetting> flags) {
  for (const GivenSetting& given : flags) {
    const Setting* setting = find_setting(given.name);
    if (setting == nullptr) return fail(ErrorCode::internal, "unknown setting {}", given.name);
    if (auto done = set(config, *setting, given.values, setting->flag_name()); !done) return done;
  }
  return {};
}

bool has_scheme(std::string_view url, std::initializer_list<std::string_view> schemes) {
  return std::ranges::any_of(schemes, [&](std::string_view scheme) {
    return url.size() > scheme.size() && equals_ignoring_case(url.substr(0, scheme.size()), scheme);
  });
}

// One rule: when `broken`, what to do.
struct Rule {
  bool broken;
  std::string_view message;
};

}  // namespace

Result<void> validate(const Config& config) {
  const auto bad_secret = [](std::string_view secret) {
    return !std::ranges::all_of(secret, [](char c) { return c > ' ' && c <= '~'; });
  };
  const bool endpoint = !config.token_endpoint.url.empty();
  const Rule rules[] = {
      {config.listen.socket_path.empty() && !config.listen.endpoint.address.is_loopback() &&
           config.api_token.empty() && !config.insecure,
       "listen: other machines can reach this address; set api_token, or set --insecure if anyone may "
       "record"},
      {bad_secret(config.api_token), "api_token: must be visible ASCII characters"},
      {bad_secret(config.whip_token), "whip_token: must be visible ASCII characters"},
      {config.tls_certificate_file.empty() != config.tls_key_file.empty(),
       "tls_certificate_file and tls_key_file: set both or neither"},
      {config.recordings.empty(), "recordings: must name a folder"},
      {!config.livekit_url.empty() &&
           !has_scheme(config.livekit_url, {"ws://", "wss://", "http://", "https://"}),
       "livekit_url: must be a ws:// or wss:// URL"},
      {config.livekit_api_key.empty() != config.livekit_api_secret.empty(),
       "livekit_api_key and livekit_api_secret: set both or neither"},
      {config.livekit_room.empty(), "livekit_room: must not be empty"},
      {endpoint && !has_scheme(config.token_endpoint.url, {"http://", "https://"}),
       "token_endpoint.url: must be an http:// or https:// URL"},
      {endpoint && !config.livekit_api_key.empty(),
       "token_endpoint and livekit_api_key: set only one of them as the source of tokens"},
      {endpoint && config.livekit_url.empty() && config.token_endpoint.server_url_pointer.empty(),
       "token_endpoint: set url_pointer or livekit_url, to name the server"},
      {endpoint && config.token_endpoint.token_pointer.empty(),
       "token_endpoint.token_pointer: must not be empty"},
      {config.turn_username.empty() != config.turn_credential.empty(),
       "turn_username and turn_credential: set both or neither"},
      {!config.turn_servers.empty() && config.turn_username.empty(),
       "turn_servers: needs turn_username and turn_credential"},
      {config.turn_servers.size() > peer::Detours::max_servers, "turn_servers: must be 8 servers or fewer"},
      {config.turn_username.size() > 512, "turn_username: must be 512 bytes or fewer"},
      {config.media_listen.port == 0, "media_listen: needs a port"},
  };
  for (const Rule& rule : rules) {
    if (rule.broken) return fail(ErrorCode::invalid, "{}", rule.message);
  }
  return {};
}

control::Settings control_settings(const Config& config) {
  control::Settings settings;
  settings.recordings = config.recordings;
  settings.recording = config.recording;
  settings.livekit_url = config.livekit_url;
  settings.livekit_api_key = config.livekit_api_key;
  settings.livekit_api_secret = config.livekit_api_secret;
  settings.livekit_room = config.livekit_room;
  settings.token_endpoint = config.token_endpoint;
  settings.wait_limit = config.wait_limit;
  settings.detours.policy = config.ice_transport_policy;
  for (const LinkTarget& target : config.turn_servers)
    settings.detours.servers.push_back({target, config.turn_username, config.turn_credential});
  settings.whip_record = config.whip_record;
  settings.resume = config.resume;
  settings.resume_limit = config.resume_limit;
  settings.min_free = config.min_free;
  settings.admission_limit = config.admission_limit;
  return settings;
}

Result<Config> resolve_config(const ConfigSources& sources) {
  Config config;
  auto done = apply_file(config, sources.file_name, sources.file_text);
  if (done) done = apply_environment(config, sources.environment);
  if (done) done = apply_flags(config, sources.flags);
  if (done) done = validate(config);
  if (!done) return std::unexpected(std::move(done.error()));
  return config;
}

}  // namespace holdfast::app
