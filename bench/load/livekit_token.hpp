#pragma once

#include <string>
#include <string_view>

namespace holdfast::bench {

// A token to publish into that room of a LiveKit server, valid for a day.
std::string make_publisher_token(std::string_view key, std::string_view secret, std::string_view room);

}  // namespace holdfast::bench
