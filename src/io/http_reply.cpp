#include "io/http_reply.hpp"

#include <boost/asio/post.hpp>

#include "io/http_message.hpp"

namespace holdfast::io {

PendingReply::~PendingReply() {  // NOLINT(bugprone-exception-escape): without memory for an answer, the
                                 // process ends
  answer(plain_error(503, "the service is shutting down"));
}

void PendingReply::operator()(HttpResponse response) {
  answer(std::move(response));
  exchange_.reset();
}

void PendingReply::answer(HttpResponse response) {
  const auto exchange = exchange_.lock();
  if (!exchange) return;
  // A copy: the exchange may be gone once the job is posted.
  const boost::asio::any_io_executor executor = exchange->answered.get_executor();
  boost::asio::post(executor, [exchange, response = std::move(response)]() mutable {
    exchange->answer(std::move(response));
  });
}

}  // namespace holdfast::io
