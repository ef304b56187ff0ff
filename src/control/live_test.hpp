#pragma once

#include <fmt/format.h>

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "codec/packetizer.hpp"
#include "control/control_plane.hpp"
#include "livekit/test_messages.hpp"
#include "recording/session_test.hpp"
#include "sdp/negotiation.hpp"
#include "sim/sim_room.hpp"

// The control plane in a simulated world: LiveKit's servers, the network, the disk and the worker threads.
namespace holdfast::control {

using namespace std::chrono_literals;
using recording::Footage;

class SystemTime final : public Clock {
 public:
  explicit SystemTime(const sim::SimClock& clock) : clock_(clock) {}
  Now read() const override { return clock_.both(); }

 private:
  const sim::SimClock& clock_;
};

// A thread of a process: nothing runs there once the process is dead.
class SimThread final : public Executor {
 public:
  SimThread(sim::SimClock& clock, std::shared_ptr<const bool> alive)
      : clock_(clock), alive_(std::move(alive)) {}
  void post(Job job) override {
    clock_.schedule_in(1ms, [alive = alive_, job = std::move(job)]() mutable {
      if (*alive) job();
    });
  }

 private:
  sim::SimClock& clock_;
  const std::shared_ptr<const bool> alive_;
};

// Somebody with a camera and a microphone, who encodes whether or not anybody hears.
class Broadcaster final : private codec::PayloadSink {
 public:
  Broadcaster(sim::SimClock& clock, sim::SimRoom& room, std::string identity)
      : clock_(clock),
        room_(room),
        identity_(std::move(identity)),
        packetizer_(codec::make_packetizer(media::Codec::h264, payload_size)) {
    static const Footage blank = recording::make_footage({.width = 2, .height = 2, .frames_per_second = 10});
    room.blank_picture = payloads_of(blank.video[0].payload);
    play_video();
    play_audio();
  }

  // Joins the room and publishes both, under new SIDs each time.
  void publish() {
    publish_video(livekit::camera(fmt::format("TR_v{}{}", identity_, ++publications_)));
    microphone = &room_.publish(
        identity_, livekit::microphone(fmt::format("TR_a{}{}", identity_, publications_)), sdp::opus_codec());
  }
  // In place of the video before, or beside it.
  void publish_video(const livekit::wire::Track& info) {
    video = &room_.publish(identity_, info, sdp::h264_codec());
  }
  void mute(bool muted) {
    room_.mute(*video, muted);
    room_.mute(*microphone, muted);
  }
  // Another simulcast layer: its key frame is of the same instant as the last frame, one tick later.
  void switch_layer(const Footage& footage) {
    footage_ = &footage;
    position_ = 0;
    timestamp_ = video->last_timestamp + 1;
    send_picture();
  }
  void stop() { playing_ = false; }

  sim::SimRoom::Track* video = nullptr;
  sim::SimRoom::Track* microphone = nullptr;
  Instant last_picture;  // sent
  Instant last_sound;
  std::uint64_t pictures = 0;

 private:
  static constexpr std::size_t payload_size = 400;

  static std::vector<ByteVector> payloads_of(Bytes picture) {
    struct Sink final : codec::PayloadSink {
      void payload(Bytes payload, codec::Last) override { all.emplace_back(payload.begin(), payload.end()); }
      std::vector<ByteVector> all;
    } sink;
    codec::make_packetizer(media::Codec::h264, 1200)->packetize(picture, sink);
    return sink.all;
  }
  std::uint32_t rtp_time(std::uint32_t rate) const {
    const auto since = std::chrono::duration_cast<std::chrono::microseconds>(clock_.now() - epoch_).count();
    return static_cast<std::uint32_t>(since * rate / 1'000'000) + rate;
  }
  void play_video() {
    if (!playing_) return;
    if (video != nullptr) {
      if (std::exchange(video->key_frame_wanted, false)) {
        while (footage_->video[position_].picture != media::Picture::key) next_position();
      }
      timestamp_ = rtp_time(90'000);
      send_picture();
    }
    clock_.schedule_in(footage_->video_frame, [this] { play_video(); });
  }
  void send_picture() {
    const publish::EncodedFrame& frame = footage_->video[position_];
    next_position();
    begins_ = frame.picture == media::Picture::key ? sim::SimDowntrack::Begins::key_frame
                                                   : sim::SimDowntrack::Begins::nothing;
    packetizer_->packetize(frame.payload, *this);
    if (video->flows) ++pictures, last_picture = clock_.now();
  }
  void next_position() { position_ = (position_ + 1) % footage_->video.size(); }
  void payload(Bytes payload, codec::Last last) override {
    room_.forward(*video, payload, timestamp_, last == codec::Last::yes,
                  std::exchange(begins_, sim::SimDowntrack::Begins::nothing));
  }
  void play_audio() {
    if (!playing_) return;
    if (microphone != nullptr) {
      const auto& frames = recording::small_h264().audio;
      room_.forward(*microphone, frames[sound_++ % frames.size()].payload, rtp_time(48'000), false);
      if (microphone->flows) last_sound = clock_.now();
    }
    clock_.schedule_in(20ms, [this] { play_audio(); });
  }

  sim::SimClock& clock_;
  sim::SimRoom& room_;
  const std::string identity_;
  std::unique_ptr<codec::Packetizer> packetizer_;
  const Instant epoch_ = clock_.now();
  const Footage* footage_ = &recording::small_h264();
  int publications_ = 0;
  std::size_t position_ = 0;
  std::size_t sound_ = 0;
  std::uint32_t timestamp_ = 0;
  sim::SimDowntrack::Begins begins_{};
  bool playing_ = true;
};

inline Settings live_settings() {
  Settings settings;
  settings.recordings = "/recordings";
  settings.recording.audio = recording::AudioMode::copy;
  settings.livekit_url = "ws://server";
  settings.livekit_api_key = "key";
  settings.livekit_api_secret = "secret";
  settings.wait_limit = 60s;
  return settings;
}

// What all processes of a test share. A server with the same people for each recorder that joins it: a
// sim::SimRoom knows one subscriber.
struct SimWorld {
  struct Seat {
    Seat(SimWorld& world, const Endpoint& at, std::uint64_t seed)
        : media(at), room(world.clock, world.net, at, seed) {}
    const Endpoint media;
    sim::SimRoom room;
    std::deque<Broadcaster> people;
  };

  explicit SimWorld(std::uint64_t seed_) : seed(seed_), net(clock, seed_) {
    EXPECT_TRUE(disk.make_directories("/recordings").has_value());
  }
  // Another recorder's.
  Seat& add_seat() {
    const auto number = static_cast<std::uint16_t>(seats.size());
    seats.emplace_back(*this,
                       Endpoint{recording::studio_at.address, static_cast<std::uint16_t>(1000 + number)},
                       seed + number);
    for (const std::string& name : names) sit_down(seats.back(), name);
    return seats.back();
  }
  // Somebody joins, and publishes.
  void join(const std::string& name) {
    names.push_back(name);
    for (Seat& seat : seats) sit_down(seat, name);
  }
  // Where the next session of a recorder lives.
  Endpoint next_recorder_at() {
    const auto port = static_cast<std::uint16_t>(recording::recorder_at.port + recorders++);
    const Endpoint at{recording::recorder_at.address, port};
    for (const Seat& seat : seats) net.both_ways(seat.media, at, path);
    return at;
  }

  const std::uint64_t seed;
  sim::Path path{.delay = 20ms};
  storage::WriteBudget budget{std::size_t{512} << 20};
  sim::SimDisk disk;
  sim::SimClock clock;
  sim::TimeOfDay time_of_day{clock};
  sim::SimNet net;
  std::deque<Seat> seats;
  std::vector<std::string> names;
  int recorders = 0;

 private:
  void sit_down(Seat& seat, const std::string& name) {
    seat.people.emplace_back(clock, seat.room, name).publish();
  }
};

// Sessions on a worker thread.
class SimWorkers final : public Workers {
 public:
  SimWorkers(SimWorld& world, const std::shared_ptr<const bool>& alive)
      : world_(world), worker_(world.clock, alive), control_(world.clock, alive) {}

  std::unique_ptr<RemoteSession> open(std::size_t, RemoteSession::Port, recording::SessionOptions options,
                                      SessionObserver& observer) override {
    const Endpoint at = world_.next_recorder_at();
    options.local = {at};
    auto session = std::make_unique<Session>(*this);
    sides_.push_back(std::make_unique<Side>(*this, at, std::move(options), observer, session->alive));
    session->side = sides_.back().get();
    return session;
  }
  recording::MachineLoad load() const override {
    recording::MachineLoad load;
    load.workers.resize(1);
    load.processors = busy;
    return load;
  }
  double busy = 0;     // share of all processors
  bool hangs = false;  // the worker: who waits for the end of a session waits for ever

  void kill() {
    for (const auto& side : sides_) side->recorder.kill();
  }
  // Of the sessions that were ever opened, in that order; also those that are over.
  std::size_t opened() const { return sides_.size(); }
  recording::Session& session(std::size_t number) { return sides_.at(number)->recorder.session; }

 private:
  // The worker's.
  struct Side {
    Side(SimWorkers& workers_, const Endpoint& at, recording::SessionOptions options,
         SessionObserver& observer_, std::weak_ptr<int> alive)
        : workers(workers_),
          observer(observer_),
          observer_lives(std::move(alive)),
          recorder(workers.world_.clock, workers.world_.net, at, workers.world_.disk, std::move(options),
                   workers.world_.budget) {
      recorder.on_tick = [this] { look(); };
    }
    SessionReport report() {
      return {recorder.session.status(workers.world_.clock.now()), recorder.session.disk_counters()};
    }
    void tell(std::move_only_function<void(SessionObserver&)> job) {
      workers.control_.post([this, alive = observer_lives, job = std::move(job)]() mutable {
        if (!alive.expired()) job(observer);
      });
    }
    void look() {
      const Instant now = workers.world_.clock.now();
      if (std::string why = std::exchange(recorder.lost_because, {}); !why.empty())
        tell([why](SessionObserver& to) { to.on_connection_lost(why); });
      if (recorder.limit_reached && !std::exchange(told_of_limit, true))
        tell([reason = *recorder.limit_reached](SessionObserver& to) { to.on_limit(reason); });
      if (now < next_report && recorder.session.state() == reported) return;
      next_report = now + 500ms;
      reported = recorder.session.state();
      tell([report = report()](SessionObserver& to) mutable { to.on_report(std::move(report)); });
    }

    SimWorkers& workers;
    SessionObserver& observer;
    const std::weak_ptr<int> observer_lives;
    bool told_of_limit = false;
    Instant next_report{};
    recording::State reported = recording::State::waiting;
    recording::Recorder recorder;
  };

  // The control thread's.
  class Session final : public RemoteSession {
   public:
    explicit Session(SimWorkers& workers) : workers_(workers) {}
    void accept_offer(std::string offer, Connection connection, AnswerReply reply) override {
      post([this, &workers = workers_, offer = std::move(offer), connection,
            reply = std::move(reply)](recording::Session& session) mutable {
        const Now now = workers.world_.clock.both();
        if (connection == Connection::renewed) session.reconnect(now);
        workers.control_.post([answer = session.accept_offer(now, offer),
                               reply = std::move(reply)]() mutable { reply(std::move(answer)); });
      });
    }
    void add_remote_candidate(std::string candidate) override {
      post([&workers = workers_, candidate = std::move(candidate)](recording::Session& session) {
        session.add_remote_candidate(workers.world_.clock.now(), candidate);
      });
    }
    void restart_ice(peer::IceDescription remote, IceReply reply) override {
      post([&workers = workers_, remote = std::move(remote),
            reply = std::move(reply)](recording::Session& session) mutable {
        workers.control_.post([ours = session.restart_ice(workers.world_.clock.both(), remote),
                               reply = std::move(reply)]() mutable { reply(std::move(ours)); });
      });
    }
    void set_turn_servers(std::vector<turn::Server>) override {}
    void announce(media::Kind kind, std::optional<recording::AnnouncedTrack> track) override {
      post([&workers = workers_, kind, track = std::move(track)](recording::Session& session) {
        session.announce(workers.world_.clock.both(), kind, track ? &*track : nullptr);
      });
    }
    void set_participant(std::string identity) override {
      post([identity = std::move(identity)](recording::Session& session) {
        session.set_participant(identity);
      });
    }
    void suspect(recording::GapCause cause) override {
      post([cause](recording::Session& session) { session.suspect(cause); });
    }
    void note(journal::Event event, NoteReply reply) override {
      post([&workers = workers_, event = std::move(event),
            reply = std::move(reply)](recording::Session& session) mutable {
        const bool noted = session.note(std::move(event), workers.world_.clock.both());
        workers.control_.post([noted, reply = std::move(reply)]() mutable { reply(noted); });
      });
    }
    void arm() override {
      post([&workers = workers_](recording::Session& session) { session.arm(workers.world_.clock.both()); });
    }
    void split() override {
      post([](recording::Session& session) { session.split(); });
    }
    void finish(journal::EndReason reason, FinishReply reply) override {
      if (workers_.hangs) return;
      workers_.worker_.post([side = side, reason, reply = std::move(reply)]() mutable {
        side->recorder.on_finished = [side, reply = std::make_shared<FinishReply>(std::move(reply))] {
          side->workers.control_.post([side, reply] { (*reply)(side->report(), *side->recorder.finished); });
        };
        side->recorder.finish(reason);
      });
    }

    Side* side = nullptr;
    std::shared_ptr<int> alive = std::make_shared<int>();

   private:
    void post(std::move_only_function<void(recording::Session&)> job) {
      workers_.worker_.post([side = side, job = std::move(job)]() mutable { job(side->recorder.session); });
    }
    SimWorkers& workers_;
  };

  SimWorld& world_;
  SimThread worker_;
  SimThread control_;
  std::vector<std::unique_ptr<Side>> sides_;
};

// Ways to the servers of the world; each who joins gets a seat of its own.
class SimNetwork final : public Network {
 public:
  explicit SimNetwork(SimWorld& world, std::shared_ptr<const bool> alive)
      : world_(world), control_(world.clock, std::move(alive)) {}

  std::unique_ptr<SignalSocket> connect(const livekit::ServerUrl&, std::string target,
                                        const std::string& token, Duration,
                                        SignalSocketHandler& handler) override {
    const auto [found, is_new] = seats_.try_emplace(&handler, nullptr);
    const bool takes_first = seats_.size() == 1 && world_.seats.size() == 1;
    if (is_new) found->second = takes_first ? &world_.seats.front() : &world_.add_seat();
    lines_.push_back(std::make_unique<Line>(handler));
    auto socket = std::make_unique<Socket>(found->second->room, *lines_.back());
    found->second->room.connect(target, token, *lines_.back());
    return socket;
  }
  void send(HttpRequest, HttpReply reply) override {
    world_.clock.schedule_in(30ms, [this, reply = std::move(reply)]() mutable {
      reply(HttpResponse{200, {}, fmt::format(R"({{"token":"endpoint-{}"}})", ++asked)});
    });
  }

  std::uint64_t asked = 0;  // the token endpoint

 private:
  struct Line final : sim::SimSignalHandler {
    explicit Line(SignalSocketHandler& to) : handler(&to) {}
    void handle_message(Bytes message) override {
      if (handler != nullptr) handler->handle_message(message);
    }
    void handle_closed(const livekit::Ended& why) override {
      if (handler != nullptr) std::exchange(handler, nullptr)->handle_closed(why);
    }
    SignalSocketHandler* handler;
  };
  class Socket final : public SignalSocket {
   public:
    Socket(sim::SimRoom& room, Line& line) : room_(room), line_(line) {}
    ~Socket() override { line_.handler = nullptr; }
    void send(Bytes message) override { room_.send(message); }
    void close() override { room_.close(); }

   private:
    sim::SimRoom& room_;
    Line& line_;
  };

  SimWorld& world_;
  SimThread control_;
  std::map<const SignalSocketHandler*, SimWorld::Seat*> seats_;
  std::vector<std::unique_ptr<Line>> lines_;
};

class NoFinalizer final : public Finalizer {
 public:
  void make_faststart(std::string path, std::string, std::move_only_function<void(Result<void>)>) override {
    ADD_FAILURE() << path << " is no MP4";
  }
};

// A process of the recorder. It is killed, not destroyed, as long as the world goes on.
class Process final : private ControlPlane::Events {
 public:
  Process(SimWorld& world, const Settings& settings)
      : world_(world),
        random_(world.seed),
        environment_{time_, random_, timers_, control_, storage_, world.disk, workers, network, finalizer_},
        plane(ControlPlane::create(settings, environment_, *this, 100).value()) {
    world.clock.drive([this] { return *alive_ ? timers_.deadline() : never; },
                      [this](Instant now) { timers_.handle_timeout(now); });
  }
  // kill -9.
  void kill() {
    *alive_ = false;
    workers.kill();
    world_.disk.kill_process();
  }
  // SIGTERM, and a clean end.
  void shut_down() {
    bool drained = false;
    plane->drain(ControlPlane::Drain::to_be_resumed, journal::EndReason::shutdown, [&] { drained = true; });
    EXPECT_TRUE(world_.clock.run_until([&] { return drained; }, 2s));
    world_.clock.run_for(1s);
    kill();
  }
  const Environment& environment() const { return environment_; }
  std::optional<recording::Status> find(const std::string& mint_id, const std::string& participant) {
    for (const recording::Status& status : plane->recordings().status(mint_id)) {
      if (status.participant == participant) return status;
    }
    return std::nullopt;
  }

 private:
  void on_folder_changed() override {}
  void on_recording_over(const recording::Status&) override {}
  void on_watch_over(const WatchStatus&) override {}

  SimWorld& world_;
  const std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  SystemTime time_{world_.clock};
  SeededRandom random_;
  Timers timers_;
  SimThread control_{world_.clock, alive_};
  SimThread storage_{world_.clock, alive_};
  NoFinalizer finalizer_;

 public:
  SimWorkers workers{world_, alive_};
  SimNetwork network{world_, alive_};

 private:
  const Environment environment_;

 public:
  std::unique_ptr<ControlPlane> plane;
};

}  // namespace holdfast::control
