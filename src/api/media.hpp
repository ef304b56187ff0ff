#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/http.hpp"
#include "base/http_exchange.hpp"
#include "control/json_object.hpp"

namespace holdfast::api {

// A media file of a recording, which may still grow.
struct MediaFile {
  std::string path;
  std::string format;       // "mpegts", "mp4", "mkv"
  std::uint64_t bytes = 0;  // at present
  // Bytes [from, to) of it, to be read on a thread that may block.
  std::function<std::shared_ptr<HttpBody>(std::uint64_t from, std::uint64_t to)> body;
};

// The query of GET /api/recordings/{recording_id}/media: `part=N`, from 1 on; nothing if it does not name
// one.
std::expected<std::optional<std::size_t>, control::FieldError> parse_media_query(std::string_view query);

// Bytes of a representation (RFC 9110 section 14.1.2), `to` excluded.
struct ByteSpan {
  std::uint64_t from = 0;
  std::uint64_t to = 0;
  bool operator==(const ByteSpan&) const = default;
};
enum class RangeProblem : unsigned char {
  ignored,        // not one range of bytes: the whole is the answer
  unsatisfiable,  // none of it is there: 416
};
std::expected<ByteSpan, RangeProblem> parse_range(std::string_view range, std::uint64_t size);

// 200 with all of it, 206 with the range that the request asks for, or 416. The file is as long as it was
// when it was asked for: what is written later needs another request.
HttpResponse media_response(const IncomingRequest& request, const MediaFile& file);

}  // namespace holdfast::api
