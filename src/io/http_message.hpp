#pragma once

#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/http_exchange.hpp"

// Between HTTP/1.1 on the wire (RFC 9112) and our values.
namespace holdfast::io {

using HttpParser = boost::beast::http::request_parser<boost::beast::http::string_body>;

IncomingRequest to_incoming(HttpParser::value_type&& message, const Endpoint& remote);
// All in front of the body (RFC 9112 sections 4 to 6).
std::string response_head(const HttpResponse& response, bool keep_alive);
// {"success": false, "error": message}; the message has nothing to escape.
HttpResponse plain_error(int status, std::string_view message);
// What a request is answered that could not be read; nullopt: nobody is there to read an answer.
std::optional<HttpResponse> answer_to(const boost::system::error_code& error);

}  // namespace holdfast::io
