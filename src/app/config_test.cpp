#include "app/config.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace holdfast::app {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

ConfigSources file(std::string text) {
  return {.file_name = "holdfast.toml", .file_text = std::move(text)};
}
ConfigSources environment(std::map<std::string, std::string> variables) {
  return {.environment = std::move(variables)};
}
ConfigSources flag(std::string name, std::string value) {
  return {.flags = {{std::move(name), {std::move(value)}}}};
}

std::string error_of(const ConfigSources& sources) {
  const auto config = resolve_config(sources);
  return config ? "no error" : config.error().message;
}

TEST(Config, without_any_source_the_defaults_hold_and_are_safe) {
  const auto config = resolve_config({});
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->listen.to_string(), "127.0.0.1:8000");
  EXPECT_TRUE(config->media_listen.address.is_loopback());
  EXPECT_FALSE(config->insecure);
}

TEST(Config, flags_win_over_environment_over_file_over_defaults) {
  ConfigSources sources = file("gap_limit = \"1m\"\nwait_limit = \"1m\"\ntrack_wait = \"2s\"\n");
  sources.environment = {{"HOLDFAST_GAP_LIMIT", "2m"}, {"HOLDFAST_WAIT_LIMIT", "2m"}};
  sources.flags = {{"gap_limit", {"3m"}}};
  const auto config = resolve_config(sources);
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->recording.gap_limit, 3min);
  EXPECT_EQ(config->wait_limit, 2min);
  EXPECT_EQ(config->recording.track_wait, 2s);
  EXPECT_EQ(config->recording.recovery_window, 1500ms);
}

TEST(Config, the_file_takes_toml_types) {
  const auto config = resolve_config(file(R"(
    fill = false
    workers = 3
    allowed_hosts = ["a.example", "b.example"]
    [token_endpoint]
    method = "POST"
    url = "https://example.org/{mint_id}"
    url_pointer = "/url"
    headers = ["Accept: application/json, text/plain", "X-Key: {mint_id}"]
    not_live_statuses = [404, 425]
    jitter = 0.5
  )"));
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_FALSE(config->recording.fill);
  EXPECT_EQ(config->workers, 3U);
  EXPECT_THAT(config->allowed_hosts, ElementsAre("a.example", "b.example"));
  ASSERT_EQ(config->token_endpoint.headers.size(), 2U);
  EXPECT_EQ(config->token_endpoint.headers[0].value, "application/json, text/plain");
  EXPECT_THAT(config->token_endpoint.not_live_statuses, ElementsAre(404, 425));
  EXPECT_EQ(config->token_endpoint.jitter, 0.5);
}

TEST(Config, lists_in_the_environment_are_separated_by_commas_or_lines) {
  const auto config = resolve_config(environment({{"HOLDFAST_ALLOWED_HOSTS", "a, b"},
                                                  {"HOLDFAST_TOKEN_ENDPOINT_HEADERS", "A: 1, 2\nB: 3"},
                                                  {"PATH", "/bin"}}));
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_THAT(config->allowed_hosts, ElementsAre("a", "b"));
  ASSERT_EQ(config->token_endpoint.headers.size(), 2U);
  EXPECT_EQ(config->token_endpoint.headers[0].value, "1, 2");
}

TEST(Config, an_unknown_key_is_an_error_that_names_place_and_nearest) {
  EXPECT_EQ(error_of(file("# hello\nrecordngs = \"x\"\n")),
            "holdfast.toml:2: unknown key recordngs; did you mean recordings?");
  EXPECT_EQ(error_of(file("[token_endpoint]\nurll = \"x\"\n")),
            "holdfast.toml:2: unknown key token_endpoint.urll; did you mean token_endpoint.url?");
  EXPECT_EQ(error_of(file("[tokenendpoint]\nurl = \"x\"\n")).substr(0, 44),
            "holdfast.toml:1: unknown key tokenendpoint; ");
  EXPECT_EQ(error_of(environment({{"HOLDFAST_LIVEKIT_APIKEY", "x"}})),
            "environment: unknown variable HOLDFAST_LIVEKIT_APIKEY; did you mean HOLDFAST_LIVEKIT_API_KEY?");
}

TEST(Config, a_bad_value_is_an_error_that_names_source_key_and_rule) {
  EXPECT_EQ(error_of(file("gap_limit = 60\n")),
            "holdfast.toml:1: gap_limit must be a duration such as 250ms, 1.5s, 2m or 1h, at most 30d");
  EXPECT_EQ(error_of(environment({{"HOLDFAST_FORMAT", "avi"}})),
            "environment HOLDFAST_FORMAT: format must be mpegts, mp4 or mkv");
  EXPECT_EQ(error_of(flag("listen", "8000")),
            "--listen: listen must be ADDRESS:PORT such as 127.0.0.1:8000 or [::1]:8000, or unix:PATH of at "
            "most 107 bytes");
  EXPECT_THAT(error_of(file("listen = [\"127.0.0.1:1\"]\n")), HasSubstr("must be a string"));
  EXPECT_THAT(error_of(file("listen = { a = 1 }\n")), HasSubstr("must be a string"));
  EXPECT_THAT(error_of(file("a = = 1\n")), HasSubstr("holdfast.toml:1: "));
}

TEST(Config, an_address_that_others_can_reach_needs_a_token_or_the_word_insecure) {
  EXPECT_THAT(error_of(flag("listen", "0.0.0.0:8000")), HasSubstr("set api_token, or set --insecure"));
  EXPECT_THAT(error_of(flag("listen", "[::]:8000")), HasSubstr("api_token"));
  EXPECT_EQ(error_of(flag("listen", "[::1]:8000")), "no error");
  EXPECT_EQ(error_of(flag("listen", "127.1.2.3:8000")), "no error");
  EXPECT_EQ(error_of(flag("listen", "unix:/run/holdfast.sock")), "no error");
  EXPECT_THAT(error_of(flag("listen", "unix:")), HasSubstr("unix:PATH"));
  EXPECT_THAT(error_of(flag("listen", "unix:/" + std::string(107, 'x'))), HasSubstr("at most 107 bytes"));
  EXPECT_EQ(error_of({.flags = {{"listen", {"0.0.0.0:8000"}}, {"api_token", {"secret"}}}}), "no error");
  EXPECT_EQ(error_of({.flags = {{"listen", {"0.0.0.0:8000"}}, {"insecure", {"true"}}}}), "no error");
}

TEST(Config, settings_that_contradict_each_other_are_refused) {
  EXPECT_THAT(error_of(flag("livekit_api_key", "k")), HasSubstr("livekit_api_secret"));
  EXPECT_THAT(error_of(flag("livekit_url", "ftp://x")), HasSubstr("livekit_url"));
  EXPECT_THAT(error_of(flag("api_token", "two words")), HasSubstr("api_token"));
  EXPECT_THAT(error_of(flag("tls_key_file", "key.pem")), HasSubstr("set both or neither"));
  EXPECT_THAT(error_of(flag("token_endpoint.url", "https://x/")), HasSubstr("url_pointer"));
  EXPECT_THAT(error_of(flag("recovery_window", "11s")), HasSubstr("recovery_window"));
  EXPECT_THAT(error_of(flag("gap_limit", "500ms")), HasSubstr("or 0"));
  EXPECT_EQ(error_of(flag("gap_limit", "0")), "no error");
  EXPECT_THAT(error_of(flag("mute_limit", "500ms")), HasSubstr("mute_limit"));
  EXPECT_THAT(error_of(flag("follow_interval", "0")), HasSubstr("follow_interval"));
  EXPECT_THAT(error_of(flag("follow_limit", "10001")), HasSubstr("follow_limit"));
}

TEST(Config, turn_servers_are_urls_with_credentials) {
  const ConfigSources sources{
      .flags = {{"turn_servers", {"turn:relay.example.org", "turns:[2001:db8::1]:443"}},
                {"turn_username", {"user"}},
                {"turn_credential", {"secret"}},
                {"ice_transport_policy", {"relay"}}}};
  const auto config = resolve_config(sources);
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->ice_transport_policy, peer::TransportPolicy::relay);
  ASSERT_EQ(config->turn_servers.size(), 2U);
  EXPECT_EQ(config->turn_servers[0], (LinkTarget{LinkKind::udp, "relay.example.org", 3478}));
  EXPECT_EQ(config->turn_servers[1], (LinkTarget{LinkKind::tls, "2001:db8::1", 443}));
  EXPECT_THAT(error_of(flag("turn_servers", "turn:relay.example.org")), HasSubstr("turn_username"));
  EXPECT_THAT(error_of(flag("turn_servers", "stun:relay.example.org")), HasSubstr("must be URLs like turn:"));
  EXPECT_THAT(error_of(flag("turn_username", "user")), HasSubstr("turn_credential"));
  EXPECT_THAT(error_of(flag("ice_transport_policy", "tcp")), HasSubstr("must be all or relay"));
}

TEST(Settings, each_has_a_name_of_its_own_in_every_source_and_help) {
  std::set<std::string> names;
  for (const Setting& setting : settings()) {
    EXPECT_TRUE(names.insert(setting.environment_name()).second) << setting.name;
    EXPECT_FALSE(setting.help.empty()) << setting.name;
    EXPECT_EQ(find_setting(setting.name), &setting);
  }
  EXPECT_EQ(find_setting("token_endpoint.url")->environment_name(), "HOLDFAST_TOKEN_ENDPOINT_URL");
  EXPECT_EQ(find_setting("token_endpoint.url")->flag_name(), "--token-endpoint-url");
}

TEST(Settings, every_default_can_be_written_and_read_back) {
  for (const Setting& setting : settings()) {
    if (setting.default_text.empty() || setting.is_list) continue;
    Config config;
    const std::vector values{setting.default_text};
    EXPECT_EQ(setting.set(config, values), "") << setting.name << " = " << setting.default_text;
  }
}

}  // namespace
}  // namespace holdfast::app
