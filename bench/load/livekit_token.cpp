#include "load/livekit_token.hpp"

#include <boost/json.hpp>

#include "io/clock.hpp"
#include "livekit/jwt.hpp"

namespace holdfast::bench {

std::string make_publisher_token(std::string_view key, std::string_view secret, std::string_view room) {
  using namespace std::chrono;
  const auto now = duration_cast<seconds>(io::read_wall_clock().time_since_epoch()).count();
  const boost::json::object claims{
      {"iss", key},
      {"sub", "publisher"},
      {"nbf", now},
      {"exp", now + seconds(hours(24)).count()},
      {"video", {{"roomJoin", true}, {"room", room}, {"canPublish", true}, {"canSubscribe", false}}}};
  return livekit::sign_jwt(claims, secret);
}

}  // namespace holdfast::bench
