#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "app/config.hpp"
#include "base/text.hpp"
#include "turn/server.hpp"

// The types of settings, for the table in settings.cpp.
namespace holdfast::app {

inline constexpr std::array<std::string_view, 4> log_level_names{"debug", "info", "warn", "error"};

// What stands for the value in --help, how to read it, and how to write its default. read() gives "" or says
// what the value must be.
template <typename T>
struct Type;

template <>
struct Type<std::string> {
  static constexpr std::string_view name = "TEXT";
  static std::string_view read(std::string_view text, std::string& value) {
    value = text;
    return {};
  }
  static std::string write(const std::string& value) { return value; }
};

template <>
struct Type<bool> {
  static constexpr std::string_view name = "BOOL";
  static std::string_view read(std::string_view text, bool& value) {
    if (text != "true" && text != "false") return "must be true or false";
    value = text == "true";
    return {};
  }
  static std::string write(bool value) { return value ? "true" : "false"; }
};

template <>
struct Type<unsigned> {
  static constexpr std::string_view name = "NUMBER";
  static std::string_view read(std::string_view text, unsigned& value) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc() && end == text.data() + text.size() ? ""
                                                                    : "must be a whole number, not negative";
  }
  static std::string write(unsigned value) { return std::to_string(value); }
};

template <>
struct Type<double> {
  static constexpr std::string_view name = "SHARE";
  static std::string_view read(std::string_view text, double& value) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    const bool good = error == std::errc() && end == text.data() + text.size() && value >= 0 && value <= 1;
    return good ? "" : "must be a number from 0 to 1";
  }
  static std::string write(double value) { return fmt::format("{}", value); }
};

template <>
struct Type<Duration> {
  static constexpr std::string_view name = "DURATION";
  static std::string_view read(std::string_view text, Duration& value) {
    const auto parsed = parse_duration(text);
    if (!parsed) return "must be a duration such as 250ms, 1.5s, 2m or 1h, at most 30d";
    value = *parsed;
    return {};
  }
  static std::string write(Duration value) { return format_duration(value); }
};

template <>
struct Type<ByteSize> {
  static constexpr std::string_view name = "SIZE";
  static std::string_view read(std::string_view text, ByteSize& value) {
    const auto parsed = parse_byte_size(text);
    if (!parsed) return "must be a size such as 4MiB, 1GB or 512";
    value = *parsed;
    return {};
  }
  static std::string write(ByteSize value) { return format_byte_size(value); }
};

template <>
struct Type<Endpoint> {
  static constexpr std::string_view name = "ADDRESS:PORT";
  static std::string_view read(std::string_view text, Endpoint& value) {
    const auto parsed = Endpoint::parse(text);
    if (!parsed) return "must be ADDRESS:PORT such as 127.0.0.1:8000 or [::1]:8000";
    value = *parsed;
    return {};
  }
  static std::string write(const Endpoint& value) { return value.to_string(); }
};

template <>
struct Type<container::Format> {
  static constexpr std::string_view name = "mpegts|mp4|mkv";
  static std::string_view read(std::string_view text, container::Format& value) {
    const auto parsed = container::parse_format(text);
    if (!parsed) return "must be mpegts, mp4 or mkv";
    value = *parsed;
    return {};
  }
  static std::string write(container::Format value) { return std::string(container::to_string(value)); }
};

template <>
struct Type<recording::AudioMode> {
  static constexpr std::string_view name = "aac|copy";
  static std::string_view read(std::string_view text, recording::AudioMode& value) {
    const auto parsed = recording::parse_audio_mode(text);
    if (!parsed) return "must be aac or copy";
    value = *parsed;
    return {};
  }
  static std::string write(recording::AudioMode value) { return std::string(recording::to_string(value)); }
};

template <>
struct Type<recording::DamageMode> {
  static constexpr std::string_view name = "keep|drop";
  static std::string_view read(std::string_view text, recording::DamageMode& value) {
    const auto parsed = recording::parse_damage_mode(text);
    if (!parsed) return "must be keep or drop";
    value = *parsed;
    return {};
  }
  static std::string write(recording::DamageMode value) { return std::string(recording::to_string(value)); }
};

template <>
struct Type<std::optional<recording::VideoQuality>> {
  static constexpr std::string_view name = "low|medium|high";
  static std::string_view read(std::string_view text, std::optional<recording::VideoQuality>& value) {
    value = recording::parse_video_quality(text);
    return value ? "" : "must be low, medium or high";
  }
  static std::string write(std::optional<recording::VideoQuality> value) {
    return value ? std::string(recording::to_string(*value)) : "";
  }
};

template <>
struct Type<peer::TransportPolicy> {
  static constexpr std::string_view name = "all|relay";
  static std::string_view read(std::string_view text, peer::TransportPolicy& value) {
    if (text != "all" && text != "relay") return "must be all or relay";
    value = text == "all" ? peer::TransportPolicy::all : peer::TransportPolicy::relay;
    return {};
  }
  static std::string write(peer::TransportPolicy value) {
    return value == peer::TransportPolicy::all ? "all" : "relay";
  }
};

// A TURN server.
template <>
struct Type<LinkTarget> {
  static constexpr std::string_view name = "URL";
  static std::string_view read(std::string_view text, LinkTarget& value) {
    const auto parsed = turn::parse_url(text);
    if (!parsed) return "must be URLs like turn:HOST[:PORT][?transport=udp|tcp] or turns:HOST[:PORT]";
    value = *parsed;
    return {};
  }
  static std::string write(const LinkTarget& value) {
    const bool v6 = value.host.find(':') != std::string::npos;
    return fmt::format("{}:{}:{}{}", value.kind == LinkKind::tls ? "turns" : "turn",
                       v6 ? '[' + value.host + ']' : value.host, value.port,
                       value.kind == LinkKind::tcp ? "?transport=tcp" : "");
  }
};

template <>
struct Type<LogLevel> {
  static constexpr std::string_view name = "debug|info|warn|error";
  static std::string_view read(std::string_view text, LogLevel& value) {
    const auto found = std::ranges::find(log_level_names, text);
    if (found == log_level_names.end()) return "must be debug, info, warn or error";
    value = static_cast<LogLevel>(found - log_level_names.begin());
    return {};
  }
  static std::string write(LogLevel value) { return std::string(to_string(value)); }
};

// One HTTP status of a list.
template <>
struct Type<int> {
  static constexpr std::string_view name = "STATUS";
  static std::string_view read(std::string_view text, int& value) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    const bool good =
        error == std::errc() && end == text.data() + text.size() && value >= 100 && value <= 599;
    return good ? "" : "must be HTTP statuses, 100 to 599";
  }
  static std::string write(int value) { return std::to_string(value); }
};

template <>
struct Type<HttpHeader> {
  static constexpr std::string_view name = "\"NAME: VALUE\"";
  static std::string_view read(std::string_view text, HttpHeader& value) {
    const std::size_t colon = text.find(':');
    value = {std::string(trim(text.substr(0, colon))),
             colon == std::string_view::npos ? "" : std::string(trim(text.substr(colon + 1)))};
    const bool good = colon != std::string_view::npos && !value.name.empty() &&
                      value.name.find_first_of(" \t\r\n") == std::string::npos &&
                      value.value.find_first_of("\r\n") == std::string::npos;
    return good ? "" : "must be header fields like \"Name: value\"";
  }
  static std::string write(const HttpHeader& value) { return value.name + ": " + value.value; }
};

template <typename T>
constexpr bool is_list = false;
template <typename T>
constexpr bool is_list<std::vector<T>> = true;

template <typename T>
struct Type<std::vector<T>> {
  static constexpr std::string_view name = Type<T>::name;
  static std::string write(const std::vector<T>& values) {
    std::string text;
    for (const T& value : values) text += (text.empty() ? "" : ",") + Type<T>::write(value);
    return text;
  }
};

template <typename T>
std::string_view read_values(std::span<const std::string> texts, std::vector<T>& values) {
  values.clear();
  for (const std::string& text : texts) {
    if (const auto problem = Type<T>::read(text, values.emplace_back()); !problem.empty()) return problem;
  }
  return {};
}
template <typename T>
std::string_view read_values(std::span<const std::string> texts, T& value) {
  return texts.size() == 1 ? Type<T>::read(texts.front(), value) : "must be one value";
}

}  // namespace holdfast::app
