#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/time.hpp"
#include "base/units.hpp"
#include "container/muxer.hpp"
#include "recording/status.hpp"

namespace holdfast::api {

enum class Participants : std::uint8_t {
  one,  // the one named, else the first that publishes video, else audio alone
  all,  // one recording for each
};

inline constexpr std::uint64_t least_part_size = std::uint64_t{1} << 20;

// What POST /api/recording/start asks for. Every field has been checked; what is not given is the
// configuration's affair.
struct StartRequest {
  std::string mint_id{};
  std::optional<container::Format> format{};
  std::optional<recording::AudioMode> audio{};
  std::optional<recording::VideoQuality> video_quality{};
  std::optional<recording::DamageMode> damage{};
  std::string participant{};  // identity, UTF-8 without control characters, at most 256 bytes; empty: any
  Participants participants = Participants::one;
  std::string livekit_url{};  // ws or wss; empty: the configured one
  std::string
      token{};  // visible ASCII, at most 16 KiB; empty: one of our own making, or from the token endpoint
  std::optional<Duration> gap_limit{};      // 0: never; else 1 s or more
  std::optional<Duration> mute_limit{};     // 0: never; else 1 s or more
  std::optional<Duration> part_duration{};  // 0: never; else 1 s or more
  std::optional<ByteSize> part_size{};      // 0: never; else least_part_size or more
};

// What is wrong with a request body, and with which of its fields.
struct FieldError {
  int status = 422;   // 400: no JSON object at all
  std::string field;  // empty: the body as a whole
  std::string message;
};

// Reads a JSON object; an empty body is one without fields. Strict: a field that we do not know is an error
// that names the nearest known one. `mint_id` is the one from the path, or empty: then the body must have it.
std::expected<StartRequest, FieldError> parse_start_request(std::string_view mint_id, std::string_view body);
// The same for POST /api/recording/stop, whose only field is mint_id.
std::expected<std::string, FieldError> parse_stop_request(std::string_view mint_id, std::string_view body);

// The same for POST /api/follow: the fields of a start but `token`, since a follow outlives any token.
std::expected<StartRequest, FieldError> parse_follow_request(std::string_view mint_id, std::string_view body);

// The fields that were given, as parse_start_request() reads them; `format` under that name.
boost::json::object to_json(const StartRequest& request);

}  // namespace holdfast::api
