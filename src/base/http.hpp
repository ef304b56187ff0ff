#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/http_body.hpp"
#include "base/time.hpp"

namespace holdfast {

// HTTP as values (RFC 9110), for those who ask others: token endpoints, WHIP. io/http_client.hpp does the
// asking.
struct HttpHeader {
  std::string name;
  std::string value;
};

enum class Redirects : unsigned char { refuse, follow };

struct HttpRequest {
  std::string method = "GET";
  std::string url;  // http or https, absolute
  std::vector<HttpHeader> headers = {};
  std::string body = {};
  Duration timeout = std::chrono::seconds(10);  // for the whole exchange
  std::size_t max_response_bytes = 1 << 20;     // header fields and body together; more is an error
  Redirects redirects = Redirects::refuse;      // refuse: a 3xx is a response like any other
};

struct HttpResponse {
  int status = 0;
  std::vector<HttpHeader> headers;  // names in lower case
  std::string body;
  std::shared_ptr<HttpBody> stream = nullptr;  // of a server: in place of `body`

  // The first value of that name (given in lower case), or empty.
  std::string_view header(std::string_view name) const {
    for (const HttpHeader& field : headers) {
      if (field.name == name) return field.value;
    }
    return {};
  }
};

}  // namespace holdfast
