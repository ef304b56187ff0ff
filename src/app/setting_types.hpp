#pragma once

#include <charconv>
#include <string>
#include <string_view>

#include "base/address.hpp"
#include "base/http.hpp"
#include "base/links.hpp"
#include "base/log.hpp"
#include "base/option.hpp"
#include "base/text.hpp"
#include "peer/detours.hpp"
#include "turn/server.hpp"

// The types that only the program's settings have, for the table in settings.cpp.
namespace holdfast {

template <>
struct OptionType<Endpoint> {
  static constexpr std::string_view name = "ADDRESS:PORT";
  static std::string read(std::string_view text, Endpoint& value) {
    const auto parsed = Endpoint::parse(text);
    if (!parsed) return "must be ADDRESS:PORT such as 127.0.0.1:8000 or [::1]:8000";
    value = *parsed;
    return {};
  }
  static std::string write(const Endpoint& value) { return value.to_string(); }
};

template <>
struct OptionType<ListenAddress> {
  static constexpr std::string_view name = "ADDRESS:PORT";
  static std::string read(std::string_view text, ListenAddress& value) {
    const auto parsed = ListenAddress::parse(text);
    if (!parsed)
      return "must be ADDRESS:PORT such as 127.0.0.1:8000 or [::1]:8000, or unix:PATH of at most 107 bytes";
    value = *parsed;
    return {};
  }
  static std::string write(const ListenAddress& value) { return value.to_string(); }
};

template <>
struct OptionType<peer::TransportPolicy> {
  static constexpr std::string_view name = "all|relay";
  static std::string read(std::string_view text, peer::TransportPolicy& value) {
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
struct OptionType<LinkTarget> {
  static constexpr std::string_view name = "URL";
  static std::string read(std::string_view text, LinkTarget& value) {
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
struct OptionType<log::Level> : OptionOneOf<log::Level, log::parse_level> {
  static constexpr std::string_view name = "debug|info|warn|error";
};

// One HTTP status of a list.
template <>
struct OptionType<int> {
  static constexpr std::string_view name = "STATUS";
  static std::string read(std::string_view text, int& value) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    const bool good =
        error == std::errc() && end == text.data() + text.size() && value >= 100 && value <= 599;
    return good ? "" : "must be HTTP statuses, 100 to 599";
  }
  static std::string write(int value) { return std::to_string(value); }
};

template <>
struct OptionType<HttpHeader> {
  static constexpr std::string_view name = "\"NAME: VALUE\"";
  static std::string read(std::string_view text, HttpHeader& value) {
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

}  // namespace holdfast
