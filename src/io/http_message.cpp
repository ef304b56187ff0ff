#include "io/http_message.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <boost/beast/http/message.hpp>
#include <utility>

#include "io/clock.hpp"

namespace holdfast::io {

namespace http = boost::beast::http;

namespace {

std::string lower_case(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

}  // namespace

IncomingRequest to_incoming(HttpParser::value_type&& message, const Endpoint& remote) {
  IncomingRequest request;
  request.method = std::string(message.method_string());
  request.target = std::string(message.target());
  for (const auto& field : message) {
    request.headers.push_back({lower_case(field.name_string()), std::string(field.value())});
  }
  request.body = std::move(message.body());
  request.remote = remote;
  return request;
}

std::string response_head(const HttpResponse& response, bool keep_alive) {
  std::string out =
      fmt::format("HTTP/1.1 {} {}\r\n", response.status,
                  std::string_view(http::obsolete_reason(static_cast<http::status>(response.status))));
  for (const HttpHeader& field : response.headers) out += fmt::format("{}: {}\r\n", field.name, field.value);
  // RFC 9110 section 6.6.1.
  const auto now = std::chrono::duration_cast<std::chrono::seconds>(read_wall_clock().time_since_epoch());
  out += fmt::format("Date: {:%a, %d %b %Y %H:%M:%S GMT}\r\n", fmt::gmtime(now.count()));
  if (!keep_alive) out += "Connection: close\r\n";
  // RFC 9110 section 8.6: no Content-Length in a 204.
  if (response.stream && !response.stream->size()) {
    out += "Transfer-Encoding: chunked\r\n";
  } else if (response.status != 204) {
    out += fmt::format("Content-Length: {}\r\n",
                       response.stream ? *response.stream->size() : response.body.size());
  }
  return out + "\r\n";
}

HttpResponse plain_error(int status, std::string_view message) {
  return {status,
          {{"content-type", "application/json"}},
          fmt::format("{{\"success\":false,\"error\":\"{}\"}}\n", message)};
}

std::optional<HttpResponse> answer_to(const boost::system::error_code& error) {
  if (error == http::error::end_of_stream || error == http::error::partial_message) return std::nullopt;
  if (error == http::error::body_limit) return plain_error(413, "the body is too large");
  if (error == http::error::header_limit || error == http::error::buffer_overflow) {
    return plain_error(431, "the header is too large");
  }
  if (error.category() == http::make_error_code(http::error::bad_version).category()) {
    return plain_error(400, "this is not an HTTP/1.1 request");
  }
  return std::nullopt;
}

}  // namespace holdfast::io
