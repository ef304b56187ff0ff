// The recorder's own share of a packet's way: everything between the socket and the file, both left out. A
// simulated LiveKit server forwards 720p30 H.264 at 2 Mb/s, its packets paced as browsers pace them, and
// Opus, to one recording::Session (MPEG-TS, sound untouched), which is driven as io::Worker drives it: what
// came is handed over every 5 ms, then a tick. The clock is simulated, so every run does the same.
//
//   packet_path SECONDS      (of media; prints what it counted as one line of JSON)
//
// It counts the allocations itself; scripts/packet_budget.py runs it under callgrind, which collects inside
// measured_hand_over() only: its name is what it goes by.
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/log.hpp"
#include "codec/h264_test_bits.hpp"
#include "codec/packetizer.hpp"
#include "recording/session.hpp"
#include "sim/sim_clock.hpp"
#include "sim/sim_forwarder.hpp"
#include "sim/sim_net.hpp"
#include "sim/time_of_day.hpp"

namespace {

// Allocations of the whole process, the libraries' included, while it counts.
bool counts_allocations = false;
std::uint64_t allocations = 0;

}  // namespace

// They stand before the C library's own, as gettimeofday() does in sim/time_of_day.cpp.
extern "C" {
// NOLINTBEGIN(bugprone-reserved-identifier,readability-identifier-naming): the C library's names
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
// NOLINTEND(bugprone-reserved-identifier,readability-identifier-naming)

void* malloc(std::size_t size) noexcept {
  allocations += counts_allocations;
  return __libc_malloc(size);
}
void* calloc(std::size_t count, std::size_t size) noexcept {
  allocations += counts_allocations;
  return __libc_calloc(count, size);
}
void* realloc(void* old, std::size_t size) noexcept {
  allocations += counts_allocations;
  return __libc_realloc(old, size);
}
}

namespace holdfast {
namespace {

using namespace std::chrono_literals;

constexpr Duration tick_interval = 5ms;
constexpr Duration warm_up = 10s;            // both sender reports have come, every buffer has grown
constexpr Duration packet_spacing = 1500us;  // some 2.5 times the bit rate, as libwebrtc's pacer
constexpr int frames_per_second = 30;
constexpr int frames_to_key_frame = 120;
constexpr std::size_t key_frame_bytes = 60'000;
constexpr std::size_t delta_frame_bytes = 7'000;  // with the key frames and the headers: 2 Mb/s
constexpr std::size_t sound_bytes = 160;
constexpr std::uint64_t seed = 4711;
const Endpoint server_at{IpAddress::from_v4(192, 0, 2, 1), 1000};
const Endpoint recorder_at{IpAddress::from_v4(192, 0, 2, 2), 2000};

// Takes bytes and forgets them.
class NoDisk final : public Disk {
 public:
  Result<std::unique_ptr<File>> create(const std::string&) override {
    return std::make_unique<NoFile>(*this);
  }
  Result<std::unique_ptr<File>> open(const std::string&) override { return std::make_unique<NoFile>(*this); }
  Result<ByteVector> read(const std::string&, std::uint64_t, std::uint64_t) override { return ByteVector{}; }
  Result<std::vector<DirectoryEntry>> list(const std::string&) override {
    return std::vector<DirectoryEntry>{};
  }
  Result<DirectoryEntry> look(const std::string& path) override { return DirectoryEntry{.name = path}; }
  Result<void> rename(const std::string&, const std::string&) override { return {}; }
  Result<void> remove(const std::string&) override { return {}; }
  Result<void> truncate(const std::string&, std::uint64_t) override { return {}; }
  Result<void> make_directories(const std::string&) override { return {}; }
  Result<void> make_private(const std::string&) override { return {}; }
  Result<std::uint64_t> free_space(const std::string&) override { return std::uint64_t{1} << 50; }

  std::uint64_t bytes = 0;
  std::uint64_t writes = 0;

 private:
  class NoFile final : public File {
   public:
    explicit NoFile(NoDisk& disk) : disk_(disk) {}
    Result<void> append(Bytes more) override {
      size_ += more.size();
      disk_.bytes += more.size();
      ++disk_.writes;
      return {};
    }
    Result<void> sync() override { return {}; }
    Result<void> sync_file_system() override { return {}; }
    bool is_in_place() const override { return true; }
    Result<void> put_back() override { return {}; }
    std::uint64_t size() const override { return size_; }
    Result<void> lock() override { return {}; }

   private:
    NoDisk& disk_;
    std::uint64_t size_ = 0;
  };
};

class JobQueue final : public Executor {
 public:
  void post(Job job) override { jobs_.push_back(std::move(job)); }
  void run() {
    running_.swap(jobs_);
    for (Job& job : running_) job();
    running_.clear();
  }

 private:
  std::vector<Job> jobs_;
  std::vector<Job> running_;
};

// A datagram is a whole slot, as in io::ReceiveBatch; slots are used again.
class Mailbox final : public Outbox {
 public:
  struct Datagram {
    Instant arrival;
    Endpoint other;
    ByteVector bytes;
  };

  void push(Instant arrival, const Endpoint& other, Bytes bytes) {
    if (used_ == slots_.size()) slots_.emplace_back();
    Datagram& slot = slots_[used_++];
    slot.arrival = arrival;
    slot.other = other;
    slot.bytes.assign(bytes.begin(), bytes.end());
  }
  void send(const Endpoint& to, Bytes datagram) override { push({}, to, datagram); }
  std::span<Datagram> datagrams() { return std::span(slots_).first(used_); }
  void clear() { used_ = 0; }

 private:
  std::vector<Datagram> slots_;
  std::size_t used_ = 0;
};

class Recorder;
// Callgrind collects in here.
void measured_hand_over(Recorder& recorder);

class Recorder final : private recording::SessionEvents {
 public:
  Recorder(sim::SimClock& clock, sim::SimNet& net)
      : clock_(clock),
        syncer_({storage_, syncs_, worker_}, 1s, [&clock] { return clock.now(); }),
        to_net_(net.attach(recorder_at, [this](const Endpoint& from,
                                               Bytes datagram) { in_.push(clock_.now(), from, datagram); })),
        session(options(clock),
                {random_,
                 dtls::Certificate::generate().value(),
                 packets_,
                 {disk, storage_, worker_, budget_, [&clock] { return clock.now(); }, &syncer_, nullptr,
                  &buffers_},
                 transcoder_},
                *this, clock.both()) {}

  // What came since the last time, as a round of io::Worker.
  enum class Measured : std::uint8_t { no, yes };
  void round(Measured measured) {
    if (in_.datagrams().empty() && session.deadline() > clock_.now()) return;
    measured == Measured::yes ? measured_hand_over(*this) : hand_over();
    in_.clear();
    for (const Mailbox::Datagram& datagram : out_.datagrams()) to_net_.send(datagram.other, datagram.bytes);
    out_.clear();
    ++rounds;
  }
  // The storage and sync threads' part is in it as well, but for the disk's own.
  void hand_over() {
    const Now now = clock_.both();
    for (Mailbox::Datagram& datagram : in_.datagrams())
      session.handle_datagram(datagram.arrival, datagram.other, datagram.bytes, out_);
    session.handle_tick(now, out_);
    syncer_.handle_tick(now.instant);
    storage_.run();
    syncs_.run();
    worker_.run();
  }

 private:
  static recording::SessionOptions options(const sim::SimClock& clock) {
    recording::SessionOptions options;
    options.output.directory = "/recordings";
    options.output.recording_id = "packet-path";
    options.output.mint_id = "packet-path";
    options.output.audio = recording::AudioMode::copy;
    options.start_time = clock.wall();
    options.local = {recorder_at};
    return options;
  }
  void on_connection_lost(std::string_view why) override {
    std::fprintf(stderr, "packet_path: the connection is lost: %.*s\n", static_cast<int>(why.size()),
                 why.data());
    std::exit(1);
  }
  void on_limit(journal::EndReason) override {}

  sim::SimClock& clock_;
  SeededRandom random_{seed};
  rtp::PacketPool packets_{4096};
  storage::WriteBudget budget_;
  storage::BufferPool buffers_;
  JobQueue storage_;
  JobQueue worker_;
  JobQueue syncs_;
  JobQueue transcoder_;
  storage::Syncer syncer_;
  Mailbox in_;
  Mailbox out_;
  Outbox& to_net_;

 public:
  NoDisk disk;
  recording::Session session;
  std::uint64_t rounds = 0;
};

[[gnu::noinline]] void measured_hand_over(Recorder& recorder) {
  counts_allocations = true;
  recorder.hand_over();
  counts_allocations = false;
}

// Noise in the shape of H.264 and Opus, through the server at the pace of a browser.
class Streamer final : private codec::PayloadSink {
 public:
  Streamer(sim::SimClock& clock, sim::SimForwarder& server)
      : clock_(clock),
        video_(server.add_video("TR_video", sdp::h264_codec())),
        audio_(server.add_audio("TR_audio")),
        packetizer_(codec::make_packetizer(media::Codec::h264)) {
    key_frame_ = annex_b(codec::make_test_sps({.columns = 80, .rows = 45, .reorder_frames = 0}));
    append(key_frame_, annex_b(ByteVector{0x68, 0xce, 0x38, 0x80}));
    append(key_frame_, annex_b(noise(0x65, 0x88, key_frame_bytes)));
    delta_frame_ = annex_b(noise(0x41, 0x9a, delta_frame_bytes));
    sound_ = noise(0xfc, 1, sound_bytes);  // RFC 6716 section 3.1: CELT, 20 ms, stereo
  }

  void start() {
    send_picture(0);
    send_packet();
    send_sound(0);
  }
  std::uint64_t packets() const { return video_.counters().forwarded + audio_.counters().forwarded; }

 private:
  struct Packet {
    ByteVector payload;
    std::uint32_t timestamp;
    bool marker;
    sim::SimDowntrack::Begins begins;
  };

  static void append(ByteVector& to, const ByteVector& more) {
    to.insert(to.end(), more.begin(), more.end());
  }
  static ByteVector annex_b(const ByteVector& nal) {
    ByteVector bytes{0, 0, 0, 1};
    append(bytes, nal);
    return bytes;
  }
  // Without zeros, and so without start codes. Its second and third byte are the slice header as far as it is
  // read: first macroblock 0, type, picture parameter set 0 (ITU-T H.264 section 7.3.3).
  ByteVector noise(std::uint8_t first, std::uint8_t second, std::size_t size) {
    ByteVector bytes(size);
    random_.fill(bytes);
    for (std::uint8_t& byte : bytes) byte |= 1;
    bytes[0] = first;
    bytes[1] = second;
    bytes[2] |= 0x80;
    return bytes;
  }
  void send_picture(std::uint32_t number) {
    const bool key = video_.take_key_frame_request() || number % frames_to_key_frame == 0;
    begins_ = key ? sim::SimDowntrack::Begins::key_frame : sim::SimDowntrack::Begins::nothing;
    timestamp_ = number * (media::ticks_per_second / frames_per_second);
    packetizer_->packetize(key ? key_frame_ : delta_frame_, *this);
    clock_.schedule_in(Duration(1s) / frames_per_second, [this, number] { send_picture(number + 1); });
  }
  void payload(Bytes payload, codec::Last last) override {
    waiting_.push_back({ByteVector(payload.begin(), payload.end()), timestamp_, last == codec::Last::yes,
                        std::exchange(begins_, sim::SimDowntrack::Begins::nothing)});
  }
  void send_packet() {
    if (!waiting_.empty()) {
      const Packet& packet = waiting_.front();
      video_.forward(clock_.now(), packet.payload, packet.timestamp, packet.marker, packet.begins);
      waiting_.pop_front();
    }
    clock_.schedule_in(packet_spacing, [this] { send_packet(); });
  }
  void send_sound(std::uint32_t number) {
    audio_.forward(clock_.now(), sound_, number * 960, number == 0);
    clock_.schedule_in(20ms, [this, number] { send_sound(number + 1); });
  }

  sim::SimClock& clock_;
  sim::SimDowntrack& video_;
  sim::SimDowntrack& audio_;
  SeededRandom random_{seed};
  const std::unique_ptr<codec::Packetizer> packetizer_;
  ByteVector key_frame_;
  ByteVector delta_frame_;
  ByteVector sound_;
  std::deque<Packet> waiting_;  // to be sent one by one
  std::uint32_t timestamp_ = 0;
  sim::SimDowntrack::Begins begins_{};
};

using Measured = Recorder::Measured;

void run_for(sim::SimClock& clock, Recorder& recorder, Duration span, Measured measured) {
  for (const Instant end = clock.now() + span; clock.now() < end;) {
    clock.run_for(tick_interval);
    recorder.round(measured);
  }
}

std::uint64_t packets_lost(const recording::Status& status) {
  std::uint64_t lost = 0;
  for (const recording::TrackStatus& track : status.tracks)
    lost += track.packets.lost + track.packets.dropped;
  return lost;
}

int complain(const char* what) {
  std::fprintf(stderr, "packet_path: %s\n", what);
  return 1;
}

int run(Duration span) {
  log::set_level(log::Level::warn);
  sim::SimClock clock;
  const sim::TimeOfDay time_of_day(clock);
  sim::SimNet net(clock, seed);
  sim::SimForwarder server(clock, net, server_at, seed);
  server.use_transport_cc();
  Streamer streamer(clock, server);
  Recorder recorder(clock, net);
  const auto answer = recorder.session.accept_offer(clock.both(), server.offer());
  if (!answer || !server.accept_answer(*answer)) return complain("the offer or its answer is refused");
  run_for(clock, recorder, 1s, Measured::no);
  if (server.state() != peer::State::connected) return complain("no connection within a second");
  streamer.start();
  run_for(clock, recorder, warm_up, Measured::no);

  const std::uint64_t packets_before = streamer.packets();
  const std::uint64_t rounds_before = recorder.rounds;
  const std::uint64_t bytes_before = recorder.disk.bytes;
  const std::uint64_t writes_before = recorder.disk.writes;
  run_for(clock, recorder, span, Measured::yes);

  const recording::Status status = recorder.session.status(clock.now());
  if (status.state != recording::State::recording) return complain("it does not record");
  if (packets_lost(status) > 0) return complain("packets were lost on a network that loses none");
  const auto number = [](std::uint64_t value) { return static_cast<unsigned long long>(value); };
  std::printf(
      "{\"packets\": %llu, \"rounds\": %llu, \"bytes\": %llu, \"writes\": %llu, \"allocations\": %llu}\n",
      number(streamer.packets() - packets_before), number(recorder.rounds - rounds_before),
      number(recorder.disk.bytes - bytes_before), number(recorder.disk.writes - writes_before),
      number(allocations));
  return 0;
}

}  // namespace
}  // namespace holdfast

int main(int count, char** arguments) {
  const int seconds = count == 2 ? std::atoi(arguments[1]) : 0;
  if (seconds <= 0) {
    std::fputs("usage: packet_path SECONDS\n", stderr);
    return 2;
  }
  return holdfast::run(std::chrono::seconds(seconds));
}
