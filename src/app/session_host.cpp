#include "app/session_host.hpp"

#include <utility>

#include "io/clock.hpp"
#include "io/server_links.hpp"

namespace holdfast::app {
namespace {

// How often the control thread hears of a recording whose state does not change.
constexpr Duration report_interval = std::chrono::milliseconds(500);

// All recordings report at the same instants: the control thread wakes once for those of a worker.
Instant next_report_after(Instant now) {
  return Instant((now.time_since_epoch() / report_interval + 1) * report_interval);
}

}  // namespace

// The worker's side.
class SessionHost::WorkerSide final : public io::DatagramHandler,
                                      private recording::SessionEvents,
                                      private LinkEvents {
 public:
  WorkerSide(MediaThreads& media, MediaWorker& worker, Executor& control, Port port,
             recording::SessionOptions options, control::SessionObserver& observer, std::weak_ptr<int> alive)
      : worker_(worker),
        control_(control),
        port_(port),
        observer_(observer),
        observer_lives_(std::move(alive)),
        detours_(options.detours),
        links_(worker.worker, media.lookups(), media.turn_ca_file(), *this),
        session_(std::move(options), media.environment(worker), *this, io::read_clocks()) {}

  ~WorkerSide() override { leave_port(); }

  Result<std::string> accept_offer(const std::string& offer, Connection connection) {
    const Now now = io::read_clocks();
    if (auto opened = enter_port(); !opened) return std::unexpected(opened.error());
    if (connection == Connection::renewed) session_.reconnect(now);
    auto answer = session_.accept_offer(now, offer);
    follow_credentials();
    return answer;
  }

  Result<peer::IceDescription> restart_ice(const peer::IceDescription& remote) {
    auto description = session_.restart_ice(io::read_clocks(), remote);
    follow_credentials();
    return description;
  }

  void set_turn_servers(std::vector<turn::Server> servers) { named_servers_ = std::move(servers); }

  recording::Session& session() { return session_; }

  void finish(journal::EndReason reason, FinishReply reply) {
    // What was sent before whoever sent it said goodbye.
    worker_.worker.receive(port_ == Port::own ? static_cast<io::DatagramHandler&>(*this) : worker_.whip);
    session_.finish(
        reason, io::read_clocks(), outbox(), [this, reply = std::move(reply)](Result<void> result) mutable {
          control_.post(
              [report = report(io::read_monotonic_clock()), result = std::move(result),
               reply = std::move(reply)]() mutable { reply(std::move(report), std::move(result)); });
        });
    links_.flush();
  }

  void handle_datagram(Instant arrival, const Endpoint& from, MutableBytes datagram,
                       Outbox& outbox) override {
    session_.handle_datagram(arrival, from, datagram, outbox);
  }

  void handle_tick(const Now& now, Outbox& outbox) override {
    links_.clear_activity();
    session_.handle_tick(now, outbox);
    links_.flush();
    if (now.instant < next_report_ && session_.state() == reported_state_) return;
    next_report_ = next_report_after(now.instant);
    reported_state_ = session_.state();
    tell([report = report(now.instant)](control::SessionObserver& observer) mutable {
      observer.on_report(std::move(report));
    });
  }

  // What came by a link is followed by a tick, as what came by the socket is.
  Instant deadline() override { return links_.is_active() ? Instant{} : session_.deadline(); }

 private:
  // Datagrams to nobody: before there is a socket, nothing has anyone to talk to.
  class NoOutbox final : public Outbox {
   public:
    void send(const Endpoint&, Bytes) override {}
  };

  Outbox& outbox() {
    if (outbox_ != nullptr) return *outbox_;
    return no_outbox_;
  }

  Result<void> enter_port() {
    if (port_ == Port::own) offer_detours();
    if (outbox_ != nullptr) return {};
    if (port_ == Port::own) {
      auto socket = worker_.worker.add(Endpoint{}, *this);
      if (!socket) return std::unexpected(socket.error());
      outbox_ = *socket;
      // Without candidates of ours the server would learn us from our checks, and then wait a second for
      // something better.
      session_.set_local(io::host_endpoints((*socket)->local_endpoint().port));
    } else {
      outbox_ = worker_.whip_outbox;
      join_shared_port();
    }
    return {};
  }

  // Whoever dials to us finds us without.
  void offer_detours() {
    peer::DetourOptions detours = detours_;
    detours.links = &links_;
    detours.servers.insert(detours.servers.end(), named_servers_.begin(), named_servers_.end());
    session_.set_detours(std::move(detours));
  }

  void on_link_open(Instant now, LinkId link) override { session_.handle_link_open(now, link, outbox()); }
  void on_link_bytes(Instant now, LinkId link, MutableBytes bytes) override {
    session_.handle_link_bytes(now, link, bytes, outbox());
  }
  void on_link_closed(Instant now, LinkId link, std::string_view why) override {
    session_.handle_link_closed(now, link, why, outbox());
  }

  void join_shared_port() { worker_.whip.add(session_.local_ufrag(), *this); }
  // They change with a new connection, and with an ICE restart.
  void follow_credentials() {
    if (port_ == Port::shared) worker_.whip.rename(*this, session_.local_ufrag());
  }

  void leave_port() {
    if (outbox_ == nullptr) return;
    if (port_ == Port::own) {
      worker_.worker.remove(*this);
    } else {
      worker_.whip.remove(*this);
    }
  }

  control::SessionReport report(Instant now) const {
    return {session_.status(now), session_.disk_counters()};
  }

  void tell(std::move_only_function<void(control::SessionObserver&)> job) {
    control_.post([&observer = observer_, alive = observer_lives_, job = std::move(job)]() mutable {
      if (!alive.expired()) job(observer);
    });
  }
  void on_connection_lost(std::string_view why) override {
    tell([why = std::string(why)](control::SessionObserver& observer) { observer.on_connection_lost(why); });
  }
  void on_limit(journal::EndReason reason) override {
    tell([reason](control::SessionObserver& observer) { observer.on_limit(reason); });
  }

  MediaWorker& worker_;
  Executor& control_;
  const Port port_;
  control::SessionObserver& observer_;  // on the control thread, while ...
  const std::weak_ptr<int> observer_lives_;
  const peer::DetourOptions detours_;  // as configured
  std::vector<turn::Server> named_servers_;
  io::ServerLinks links_;
  recording::Session session_;
  NoOutbox no_outbox_;
  Outbox* outbox_ = nullptr;
  Instant next_report_{};
  recording::State reported_state_ = recording::State::waiting;
};

SessionHost::SessionHost(MediaThreads& media, MediaWorker& worker, Executor& control, Port port,
                         recording::SessionOptions options, control::SessionObserver& observer)
    : worker_(worker), control_(control) {
  if (port == Port::shared) {
    options.local = worker_.whip_candidates;
    options.detours = {};  // who dials to us finds the way
  }
  worker_side_ =
      std::make_unique<WorkerSide>(media, worker_, control, port, std::move(options), observer, alive_);
}

SessionHost::~SessionHost() {
  // After everything posted before, on the thread it belongs to.
  worker_.worker.post([worker_side = std::move(worker_side_)] {});
}

void SessionHost::post(std::move_only_function<void(WorkerSide&)> job) {
  worker_.worker.post(
      [worker_side = worker_side_.get(), job = std::move(job)]() mutable { job(*worker_side); });
}

void SessionHost::accept_offer(std::string offer, Connection connection, AnswerReply reply) {
  post([this_control = &control_, offer = std::move(offer), connection,
        reply = std::move(reply)](WorkerSide& worker_side) mutable {
    this_control->post([answer = worker_side.accept_offer(offer, connection),
                        reply = std::move(reply)]() mutable { reply(std::move(answer)); });
  });
}

void SessionHost::add_remote_candidate(std::string candidate) {
  post([candidate = std::move(candidate)](WorkerSide& worker_side) {
    worker_side.session().add_remote_candidate(io::read_monotonic_clock(), candidate);
  });
}

void SessionHost::restart_ice(peer::IceDescription remote, IceReply reply) {
  post([this_control = &control_, remote = std::move(remote),
        reply = std::move(reply)](WorkerSide& worker_side) mutable {
    this_control->post([description = worker_side.restart_ice(remote), reply = std::move(reply)]() mutable {
      reply(std::move(description));
    });
  });
}

void SessionHost::set_turn_servers(std::vector<turn::Server> servers) {
  post([servers = std::move(servers)](WorkerSide& worker_side) mutable {
    worker_side.set_turn_servers(std::move(servers));
  });
}

void SessionHost::announce(media::Kind kind, std::optional<recording::AnnouncedTrack> track) {
  post([kind, track = std::move(track)](WorkerSide& worker_side) {
    worker_side.session().announce(io::read_clocks(), kind, track ? &*track : nullptr);
  });
}

void SessionHost::set_participant(std::string identity) {
  post([identity = std::move(identity)](WorkerSide& worker_side) {
    worker_side.session().set_participant(identity);
  });
}

void SessionHost::suspect(recording::GapCause cause) {
  post([cause](WorkerSide& worker_side) { worker_side.session().suspect(cause); });
}

void SessionHost::note(journal::Event event, NoteReply reply) {
  post([this_control = &control_, event = std::move(event),
        reply = std::move(reply)](WorkerSide& worker_side) mutable {
    const bool noted = worker_side.session().note(std::move(event), io::read_clocks());
    this_control->post([noted, reply = std::move(reply)]() mutable { reply(noted); });
  });
}

void SessionHost::arm() {
  post([](WorkerSide& worker_side) { worker_side.session().arm(io::read_clocks()); });
}

void SessionHost::split() {
  post([](WorkerSide& worker_side) { worker_side.session().split(); });
}

void SessionHost::finish(journal::EndReason reason, FinishReply reply) {
  post([reason, reply = std::move(reply)](WorkerSide& worker_side) mutable {
    worker_side.finish(reason, std::move(reply));
  });
}

}  // namespace holdfast::app
