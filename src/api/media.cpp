#include "api/media.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "api/json.hpp"
#include "base/text.hpp"

namespace holdfast::api {
namespace {

std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string_view media_type(std::string_view format) {
  if (format == "mpegts") return "video/mp2t";
  if (format == "mp4") return "video/mp4";
  return format == "mkv" ? "video/x-matroska" : "application/octet-stream";
}

std::string_view file_name(std::string_view path) {
  return path.substr(path.rfind('/') + 1);
}

}  // namespace

std::expected<std::optional<std::size_t>, control::FieldError> parse_media_query(std::string_view query) {
  if (query.empty()) return std::nullopt;
  constexpr std::string_view name = "part=";
  if (!query.starts_with(name)) {
    return control::wrong_field(printable(query.substr(0, query.find('='))),
                                "unknown query parameter; the only one is part");
  }
  const auto part = parse_number(query.substr(name.size()));
  if (!part || *part == 0 || *part > 1'000'000)
    return control::wrong_field("part", "part must be a whole number from 1 to 1000000");
  return static_cast<std::size_t>(*part);
}

std::expected<ByteSpan, RangeProblem> parse_range(std::string_view range, std::uint64_t size) {
  constexpr std::string_view unit = "bytes=";
  const std::size_t dash = range.find('-');
  const bool is_one = range.size() > unit.size() &&
                      equals_ignoring_case(range.substr(0, unit.size()), unit) &&
                      dash != std::string_view::npos && range.find(',') == std::string_view::npos;
  if (!is_one) return std::unexpected(RangeProblem::ignored);
  const std::string_view first = trim(range.substr(unit.size(), dash - unit.size()));
  const std::string_view last = trim(range.substr(dash + 1));
  const auto from = parse_number(first);
  const auto to = parse_number(last);
  if ((!first.empty() && !from) || (!last.empty() && !to) || (first.empty() && last.empty()))
    return std::unexpected(RangeProblem::ignored);
  if (first.empty()) {  // the last bytes
    if (*to == 0 || size == 0) return std::unexpected(RangeProblem::unsatisfiable);
    return ByteSpan{size - std::min(*to, size), size};
  }
  if (!last.empty() && *to < *from) return std::unexpected(RangeProblem::ignored);
  if (*from >= size) return std::unexpected(RangeProblem::unsatisfiable);
  return ByteSpan{*from, last.empty() ? size : std::min(*to, size - 1) + 1};
}

HttpResponse media_response(const IncomingRequest& request, const MediaFile& file) {
  // There is no validator of a file that grows, so that a condition on one never holds (RFC 9110
  // section 13.1.5).
  // Only GET has ranges (section 14.2).
  const bool wants_range =
      request.method == "GET" && request.count("range") == 1 && request.count("if-range") == 0;
  const auto span =
      wants_range ? parse_range(request.header("range"), file.bytes) : std::unexpected(RangeProblem::ignored);
  if (!span && span.error() == RangeProblem::unsatisfiable) {
    HttpResponse response = error_response(
        416, fmt::format("the file has {} bytes so far; the range begins behind them", file.bytes), "range");
    response.headers.push_back({"content-range", fmt::format("bytes */{}", file.bytes)});
    return response;
  }
  HttpResponse response;
  response.status = span ? 206 : 200;
  response.headers = {{"content-type", std::string(media_type(file.format))},
                      {"accept-ranges", "bytes"},
                      {"content-disposition", fmt::format("inline; filename=\"{}\"", file_name(file.path))},
                      {"cache-control", "no-store"}};
  if (span) {
    response.headers.push_back(
        {"content-range", fmt::format("bytes {}-{}/{}", span->from, span->to - 1, file.bytes)});
  }
  response.stream = span ? file.body(span->from, span->to) : file.body(0, file.bytes);
  return response;
}

}  // namespace holdfast::api
