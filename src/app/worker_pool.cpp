#include "app/worker_pool.hpp"

#include <utility>

#include "app/session_host.hpp"

namespace holdfast::app {

std::unique_ptr<control::RemoteSession> WorkerPool::open(std::size_t worker,
                                                         control::RemoteSession::Port port,
                                                         recording::SessionOptions options,
                                                         control::SessionObserver& observer) {
  return std::make_unique<SessionHost>(media_, *media_.workers()[worker], control_, port, std::move(options),
                                       observer);
}

}  // namespace holdfast::app
