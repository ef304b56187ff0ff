#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <optional>
#include <utility>

#include "base/http.hpp"

namespace holdfast::io {

// One request on its way to its answer. The coroutine owns it; replies know it weakly, so that they may
// outlive everything.
struct Exchange {
  explicit Exchange(const boost::asio::any_io_executor& executor)
      : answered(executor, boost::asio::steady_timer::time_point::max()) {}
  void answer(HttpResponse value) {
    if (!response) response = std::move(value);
    answered.cancel();
  }

  boost::asio::steady_timer
      answered;  // never expires: cancelled when there is a response, or when all is over
  std::optional<HttpResponse> response;
};

// The reply to it. May be called and destroyed on any thread.
class PendingReply {
 public:
  explicit PendingReply(std::weak_ptr<Exchange> exchange) : exchange_(std::move(exchange)) {}
  PendingReply(PendingReply&&) = default;
  PendingReply& operator=(PendingReply&&) = delete;
  ~PendingReply();  // uncalled: 503
  void operator()(HttpResponse response);

 private:
  void answer(HttpResponse response);
  std::weak_ptr<Exchange> exchange_;
};

}  // namespace holdfast::io
