#include <fmt/format.h>

#include <csignal>
#include <cstdio>
#include <future>
#include <thread>
#include <utility>

#include "api/router.hpp"
#include "app/commands.hpp"
#include "app/follower.hpp"
#include "app/service.hpp"
#include "base/log.hpp"
#include "io/clock.hpp"
#include "io/http_thread.hpp"
#include "io/signals.hpp"

namespace holdfast::app {
namespace {

// How long a stop may take: SIGTERM promises whole files within 2 s. What a disk has not taken by then is
// left to recovery.
constexpr Duration drain_limit = std::chrono::milliseconds(1900);

int complain(const Error& error) {
  fmt::print(stderr, "holdfast: {}\n", error.message);
  return 1;
}

api::Router::Options router_options(const Config& config) {
  api::Router::Options options;
  options.guard.api_token = config.api_token;
  options.guard.whip_token = config.whip_token;
  options.guard.allowed_hosts = config.allowed_hosts;
  options.guard.allowed_origins = config.allowed_origins;
  options.livekit_url = config.livekit_url;
  options.default_format = config.recording.format;
  return options;
}

std::string_view url_scheme(const Config& config) {
  if (!config.listen.socket_path.empty()) return "";
  return config.tls_certificate_file.empty() ? "http://" : "https://";
}

// What cannot be read changes nothing: connections get the certificate of before.
void reload_certificate(const Config& config, io::HttpThread& server) {
  if (config.tls_certificate_file.empty())
    return log::info("SIGHUP: tls_certificate_file is not set, so there is nothing to read again");
  auto tls = io::server_tls_context(config.tls_certificate_file, config.tls_key_file);
  if (!tls) return log::error("SIGHUP: {}; the old certificate stays in use", tls.error().message);
  server.set_tls(std::move(*tls));
  log::info("SIGHUP: read the certificate in {} again", config.tls_certificate_file);
}

}  // namespace

int run_serve(const Config& config) {
  io::StopSignals signals(io::StopSignals::Hangup::is_waited_for);
  io::ControlLoop control;  // outlives the workers, which report to it
  auto media = MediaThreads::start({config.workers, config.turn_ca_file, config.sync_interval});
  if (!media) return complain(media.error());
  if (auto listening = (*media)->listen(config.media_listen); !listening) return complain(listening.error());

  auto service = Service::create(config, control, **media);
  if (!service) return complain(service.error());
  io::SystemRandom random;
  whip::Endpoint whip((*service)->whip(), random);
  (*service)->whip().on_session_over = [&](const std::string& session_id) { whip.forget(session_id); };
  auto follower = Follower::create(config, control, (*media)->disk(), **service);
  if (!follower) return complain(follower.error());
  (*service)->when_recording_over = [&](const recording::Status& status) {
    (*follower)->handle_recording_over(status);
  };
  (*service)->when_watch_over = [&](const control::WatchStatus& status) {
    (*follower)->handle_watch_over(status);
  };
  api::Router router(router_options(config), **service, **follower, whip);

  // Before the first request, which a client may send as soon as the server listens.
  control.post([&] {
    (*service)->take_over();
    (*service)->keep_archive();
  });

  io::HttpServer::Options http;
  http.listen = config.listen;
  const bool has_tls = !config.tls_certificate_file.empty();
  if (has_tls) {
    auto tls = io::server_tls_context(config.tls_certificate_file, config.tls_key_file);
    if (!tls) return complain(tls.error());
    http.tls = std::move(*tls);
  }
  auto server = io::HttpThread::open(http, control, [&](const IncomingRequest& request, HttpReply reply) {
    router.handle(request, std::move(reply));
  });
  if (!server) return complain(server.error());
  log::info("listening on {}{}, WHIP media on UDP {}, recordings in {}", url_scheme(config),
            (*server)->local().to_string(), config.media_listen.to_string(), config.recordings);

  std::thread control_thread([&] { control.run(); });
  std::optional<int> signal = signals.wait_until(never);
  for (; signal == SIGHUP; signal = signals.wait_until(never)) reload_certificate(config, **server);
  signals.exit_on_next();
  log::info("stopping: completing all files");
  std::promise<void> drained;
  control.post([&] {
    (*server)->stop();
    (*follower)->stop();
    const bool to_be_resumed = *signal == SIGTERM;
    (*service)->drain(to_be_resumed ? Service::Drain::to_be_resumed : Service::Drain::for_good,
                      to_be_resumed ? journal::EndReason::shutdown : journal::EndReason::stopped,
                      [&] { drained.set_value(); });
  });
  const bool whole = drained.get_future().wait_for(drain_limit) == std::future_status::ready;
  control.stop();
  control_thread.join();
  if (whole) return 0;
  log::error("shutdown timed out after {} ms with unwritten data; the ends of some files are missing",
             to_milliseconds(drain_limit));
  std::fflush(nullptr);
  std::_Exit(1);
}

}  // namespace holdfast::app
