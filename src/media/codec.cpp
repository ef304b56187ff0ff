#include "media/codec.hpp"

#include <algorithm>

namespace holdfast::media {

std::string_view to_string(Kind kind) {
  return kind == Kind::audio ? "audio" : "video";
}

std::optional<Codec> parse_codec(std::string_view name) {
  const auto found = std::ranges::find(codecs, name, &CodecInfo::name);
  return found == codecs.end() ? std::nullopt : std::optional(found->codec);
}

}  // namespace holdfast::media
