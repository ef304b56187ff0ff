// A load for recorders: many publishers of one encoded loop, on little CPU. See --help.
#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "base/text.hpp"
#include "dtls/certificate.hpp"
#include "load/bare_session.hpp"
#include "load/livekit_token.hpp"
#include "load/room_session.hpp"
#include "load/run.hpp"
#include "load/signal_server.hpp"
#include "load/whip_session.hpp"

namespace holdfast::bench {
namespace {

struct WhipOptions {
  std::string url;
  std::string bearer;
  std::string livekit_key;
  std::string livekit_secret;
  std::string livekit_room = "load{}";
};

std::string numbered(std::string_view text, int number) {
  return replace_all(text, "{}", std::to_string(number));
}

Duration begin_of(const RunOptions& options, int index) {
  return std::chrono::microseconds(static_cast<std::int64_t>(index * 1e6 / options.ramp));
}

int run_whip(const RunOptions& options, const WhipOptions& whip) {
  return run_load(options, [&](std::vector<std::unique_ptr<Pump>>& pumps) -> Result<std::shared_ptr<void>> {
    auto certificate = dtls::Certificate::generate();
    if (!certificate) return std::unexpected(certificate.error());
    auto requests = std::make_shared<std::vector<std::unique_ptr<WhipRequests>>>();
    for (const auto& pump : pumps) requests->push_back(std::make_unique<WhipRequests>(*pump));
    for (int i = 0; i < options.sessions; ++i) {
      const int id = options.first_id + i;
      const auto at = static_cast<std::size_t>(i) % pumps.size();
      WhipSession::Target target{numbered(whip.url, id), whip.bearer};
      if (!whip.livekit_key.empty()) {
        target.bearer =
            make_publisher_token(whip.livekit_key, whip.livekit_secret, numbered(whip.livekit_room, id));
      }
      pumps[at]->add(std::make_unique<WhipSession>(pumps[at]->studio(), *certificate, std::move(target),
                                                   *(*requests)[at]),
                     begin_of(options, i));
    }
    return requests;
  });
}

int run_bare(const RunOptions& options, const Endpoint& to, Sockets sockets, unsigned shared_ports) {
  return run_load(options, [&](std::vector<std::unique_ptr<Pump>>& pumps) -> Result<std::shared_ptr<void>> {
    for (int i = 0; i < options.sessions; ++i) {
      Pump& pump = *pumps[static_cast<std::size_t>(i) % pumps.size()];
      const auto number = static_cast<std::uint32_t>(i);
      Endpoint target = to;
      target.port =
          static_cast<std::uint16_t>(to.port + (sockets == Sockets::each ? number : number % shared_ports));
      pump.add(std::make_unique<BareSession>(pump.studio(), target, number), begin_of(options, i));
    }
    return nullptr;
  });
}

int run_rooms(const RunOptions& options, const SignalServer::Options& server) {
  return run_load(options, [&](std::vector<std::unique_ptr<Pump>>& pumps) -> Result<std::shared_ptr<void>> {
    auto certificate = dtls::Certificate::generate();
    if (!certificate) return std::unexpected(certificate.error());
    auto came = std::make_shared<int>(0);
    auto opened = SignalServer::open(
        server,
        [&pumps, &options, came, certificate = *certificate](
            std::shared_ptr<SignalWriter> subscriber) -> std::optional<SignalReader> {
          if (*came == options.sessions) return std::nullopt;
          const int number = (*came)++;
          Pump& pump = *pumps[static_cast<std::size_t>(number) % pumps.size()];
          auto session = std::make_unique<RoomSession>(pump.studio(), certificate, options.first_id + number,
                                                       std::move(subscriber));
          RoomSession* const room = session.get();
          pump.add(std::move(session), {});
          return SignalReader{
              [&pump, room](std::string message) {
                pump.post([room, message = std::move(message)] { room->handle_message(message); });
              },
              [&pump, room] { pump.post([room] { room->handle_closed(); }); }};
        });
    if (!opened) return std::unexpected(opened.error());
    fmt::print(stderr, "load: {} rooms are open at {}\n", options.sessions, server.listen.to_string());
    return std::shared_ptr<void>(std::move(*opened));
  });
}

void add_options(CLI::App& app, RunOptions& options, bool& keep, bool& progress) {
  app.add_option("--sessions", options.sessions, "how many")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--seconds", options.seconds, "how long, from when all are sending")->capture_default_str();
  app.add_option("--first-id", options.first_id, "number of the first session")->capture_default_str();
  app.add_option("--bitrate", options.bits_per_second, "of the video, bits/s")->capture_default_str();
  app.add_option("--fps", options.frames_per_second, "frames a second")
      ->check(CLI::Range(2, 120))
      ->capture_default_str();
  app.add_option("--ramp", options.ramp, "sessions begun a second")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--loss", options.loss_percent, "percent of the packets lost on purpose")
      ->check(CLI::Range(0.0, 100.0))
      ->capture_default_str();
  app.add_option("--threads", options.threads, "that send")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--seed", options.seed, "of losses and phases")->capture_default_str();
  app.add_option("--wait", options.wait_seconds, "seconds for all to send, after the ramp")
      ->capture_default_str();
  app.add_flag("--keep", keep, "go without a goodbye");
  app.add_flag("--progress", progress, "a line of JSON also when all are sending");
}

int main(int argc, char** argv) {
  CLI::App app(
      "A load for recorders: one encoded loop (720p H.264 and Opus), sent by many sessions, each with a\n"
      "socket and keys of its own. Prints a line of JSON; \"spoilt\": true if the load itself was late.");
  app.require_subcommand(1);
  RunOptions options;
  bool keep = false;
  bool progress = false;

  CLI::App* whip = app.add_subcommand("whip", "WHIP publishers, for Holdfast, MediaMTX, LiveKit and others");
  WhipOptions whip_options;
  whip->add_option("url", whip_options.url, "of the endpoint; {} is replaced by the session's number")
      ->required();
  whip->add_option("--bearer", whip_options.bearer, "token");
  whip->add_option("--livekit-key", whip_options.livekit_key,
                   "makes each session's token, for a room of its own");
  whip->add_option("--livekit-secret", whip_options.livekit_secret, "that goes with it");
  whip->add_option("--livekit-room", whip_options.livekit_room, "{} is replaced")->capture_default_str();
  add_options(*whip, options, keep, progress);

  CLI::App* bare =
      app.add_subcommand("bare", "the same packets without handshake and under a fixed key, for floor");
  std::string host;
  std::uint16_t port = 0;
  Sockets sockets = Sockets::shared;
  unsigned shared_ports = 1;
  bare->add_option("host", host, "address")->required();
  bare->add_option("port", port, "the first one")->required();
  bare->add_option("--sockets", sockets, "shared: all to the port; each: session i to port + i")
      ->transform(CLI::CheckedTransformer(
          std::map<std::string, Sockets>{{"shared", Sockets::shared}, {"each", Sockets::each}}));
  bare->add_option("--shared-ports", shared_ports,
                   "with shared: to so many ports in turn, one a worker of floor")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  add_options(*bare, options, keep, progress);

  CLI::App* rooms =
      app.add_subcommand("rooms", "a LiveKit server's stand-in, for a recorder that joins so many rooms");
  std::string listen = "127.0.0.1:7880";
  SignalServer::Options server;
  rooms->add_option("--listen", listen, "ADDRESS:PORT of its WebSocket")->capture_default_str();
  CLI::Option* certificate =
      rooms->add_option("--certificate", server.certificate_file, "PEM; with it it is wss");
  rooms->add_option("--key", server.key_file, "that goes with it, PEM")->needs(certificate);
  add_options(*rooms, options, keep, progress);

  CLI11_PARSE(app, argc, argv);
  options.leave = keep ? Leave::silent : Leave::goodbye;
  options.progress = progress ? Progress::told : Progress::quiet;
  if (whip->parsed()) return run_whip(options, whip_options);
  if (rooms->parsed()) {
    const auto endpoint = Endpoint::parse(listen);
    if (!endpoint) {
      fmt::print(stderr, "load: {} is no ADDRESS:PORT\n", listen);
      return 1;
    }
    server.listen = *endpoint;
    return run_rooms(options, server);
  }
  const auto address = IpAddress::parse(host);
  if (!address) {
    fmt::print(stderr, "load: {} is no address\n", host);
    return 1;
  }
  return run_bare(options, {*address, port}, sockets, shared_ports);
}

}  // namespace
}  // namespace holdfast::bench

int main(int argc, char** argv) {
  return holdfast::bench::main(argc, argv);
}
