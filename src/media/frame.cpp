#include "media/frame.hpp"

#include <utility>

namespace holdfast::media {

std::string_view to_string(Codec codec) {
  switch (codec) {
    case Codec::h264:
      return "h264";
    case Codec::vp8:
      return "vp8";
    case Codec::opus:
      return "opus";
    case Codec::aac:
      return "aac";
  }
  std::unreachable();
}

std::string_view to_string(Kind kind) {
  return kind == Kind::audio ? "audio" : "video";
}

}  // namespace holdfast::media
