#pragma once

#include <functional>
#include <memory>

#include "base/executor.hpp"
#include "base/http.hpp"
#include "base/result.hpp"

namespace holdfast::io {

// Asks HTTP(S) servers, many at once, on one thread of its own (libcurl). TLS certificates are verified
// against the system's trust store. Neither URLs (beyond the host), headers nor bodies appear in errors: they
// carry tokens.
class HttpClient {
 public:
  using Completion = std::move_only_function<void(Result<HttpResponse>)>;

  HttpClient();
  // Aborts what is under way; completions not yet posted are never called.
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  // From any thread. The completion is posted to `executor`, which must outlive the client, once: with a
  // response of whatever status, or with an error:
  //   invalid      not an http(s) URL, or a header field with a line break
  //   unavailable  no connection, or no answer in time
  //   refused      the server's certificate is not to be trusted
  //   io           the answer was cut short, too large or no HTTP
  void send(HttpRequest request, Executor& executor, Completion completion);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace holdfast::io
