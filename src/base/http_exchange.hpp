#pragma once

#include <algorithm>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.hpp"
#include "base/http.hpp"

namespace holdfast {

// A request as a server sees it (RFC 9110). Everything in it is hostile.
struct IncomingRequest {
  std::string method;               // "GET"; as sent
  std::string target;               // "/path?query"; as sent, percent-encoding kept
  std::vector<HttpHeader> headers;  // names in lower case, values trimmed, repeated fields kept in order
  std::string body;
  Endpoint remote;

  // The first value of that name (given in lower case), or empty.
  std::string_view header(std::string_view name) const {
    const auto field = std::ranges::find(headers, name, &HttpHeader::name);
    return field == headers.end() ? std::string_view{} : std::string_view{field->value};
  }
  std::size_t count(std::string_view name) const {
    return static_cast<std::size_t>(std::ranges::count(headers, name, &HttpHeader::name));
  }
  std::string_view path() const { return std::string_view(target).substr(0, target.find('?')); }
};

// To be called once, now or later, on the thread of the request.
using HttpReply = std::move_only_function<void(HttpResponse)>;
using HttpHandler = std::move_only_function<void(IncomingRequest, HttpReply)>;

}  // namespace holdfast
