#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <functional>
#include <future>
#include <semaphore>
#include <thread>
#include <utility>

#include "app/commands.hpp"
#include "app/whip_publisher.hpp"
#include "io/clock.hpp"
#include "io/http_client.hpp"
#include "io/signals.hpp"
#include "io/system_random.hpp"
#include "io/worker.hpp"
#include "publish/source.hpp"

namespace holdfast::app {
namespace {

constexpr Duration poll_interval = std::chrono::milliseconds(100);
constexpr Duration goodbye_limit = std::chrono::seconds(5);

int complain(std::string_view what) {
  fmt::print(stderr, "holdfast: {}\n", what);
  return 1;
}

// Makes the frames on a thread of its own, once for all publishers, and hands each over when it is due.
class Feeder {
 public:
  // On the worker. `due` is the frame's capture time on both clocks.
  using Deliver = std::function<void(const Now& due, const publish::EncodedFrame& frame)>;

  // `worker` outlives the feeder's jobs.
  Feeder(publish::Source& source, Executor& worker, Deliver deliver)
      : source_(source), worker_(worker), deliver_(std::move(deliver)) {
    thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
  }
  ~Feeder() { stop(); }

  // The first call begins; any thread.
  void start() {
    started_.test_and_set();
    started_.notify_all();
  }
  // The worker must still run. Any thread but the worker's.
  void stop() {
    thread_.request_stop();
    start();
    if (thread_.joinable()) thread_.join();
  }
  void request_key_frame() { key_frame_wanted_ = true; }

  // Frames that were not ready when they were due, by more than `tolerance`.
  std::uint64_t late_frames() const { return late_frames_; }
  static constexpr Duration tolerance = std::chrono::milliseconds(100);
  // On the worker: why there are no more frames, once.
  std::optional<Error> take_error() { return std::exchange(error_, std::nullopt); }

 private:
  // Frames on their way to the worker; beyond, the feeder waits, and is late.
  static constexpr std::ptrdiff_t max_under_way = 128;

  void run(const std::stop_token& stop);
  Result<publish::EncodedFrame> next();
  void post(const Now& due, publish::EncodedFrame frame);

  publish::Source& source_;
  Executor& worker_;
  const Deliver deliver_;
  std::atomic_flag started_;
  std::atomic<bool> key_frame_wanted_ = false;
  std::atomic<std::uint64_t> late_frames_ = 0;
  std::counting_semaphore<max_under_way> room_{max_under_way};
  std::optional<Error> error_;
  std::jthread thread_;
};

void Feeder::run(const std::stop_token& stop) {
  started_.wait(false);
  const Now begun = io::read_clocks();
  while (!stop.stop_requested()) {
    auto frame = next();
    if (!frame) {
      worker_.post([this, error = std::move(frame.error())] { error_ = error; });
      return;
    }
    const Duration due = media::to_duration(frame->time);
    const Duration left = begun.instant + due - io::read_monotonic_clock();
    if (left < -tolerance) ++late_frames_;
    if (left > Duration::zero()) std::this_thread::sleep_for(left);
    post({begun.instant + due, begun.wall + due}, std::move(*frame));
  }
}

Result<publish::EncodedFrame> Feeder::next() {
  const bool wanted = key_frame_wanted_.exchange(false);
  auto frame = source_.next(wanted ? media::Picture::key : media::Picture::delta, io::read_wall_clock());
  // Sound came first: the wish stands.
  if (wanted && frame && media::kind_of(frame->codec) == media::Kind::audio) key_frame_wanted_ = true;
  return frame;
}

void Feeder::post(const Now& due, publish::EncodedFrame frame) {
  room_.acquire();
  worker_.post([this, due, frame = std::move(frame)] {
    deliver_(due, frame);
    room_.release();
  });
}

// What all publishers did so far.
struct Totals {
  int active = 0;  // not yet ended
  int live = 0;
  publish::PublisherCounters sent;
  std::optional<Instant> live_since;  // the first one's
  std::vector<std::string> errors;    // since last asked
};

// All publishers of one run. Made and asked on the main thread; all they do is done on the worker's.
class Fleet {
 public:
  Fleet(const PublishOptions& options, publish::Source& source,
        const std::shared_ptr<const dtls::Certificate>& certificate);
  // Stops the worker before what it works on goes.
  ~Fleet() {
    feeder_.stop();
    worker_.stop();
  }

  void start() {
    worker_.post([this] {
      for (const auto& publisher : publishers_) publisher->start();
    });
  }
  // Says goodbye; totals().active tells when that is done.
  void close() {
    feeder_.stop();
    worker_.post([this] {
      for (const auto& publisher : publishers_) publisher->close();
    });
  }
  Totals totals();
  std::uint64_t late_frames() const { return feeder_.late_frames(); }

 private:
  void deliver(const Now& due, const publish::EncodedFrame& frame);
  Totals count();

  io::SystemRandom random_;
  std::vector<std::unique_ptr<WhipPublisher>> publishers_;
  io::Worker worker_{{}};
  io::HttpClient client_;
  WhipRequests requests_{client_, worker_};
  std::optional<Instant> live_since_;  // worker
  Feeder feeder_;
};

std::string numbered(std::string url, int number) {
  constexpr std::string_view place = "{n}";
  for (auto at = url.find(place); at != std::string::npos; at = url.find(place, at)) {
    url.replace(at, place.size(), std::to_string(number));
  }
  return url;
}

Fleet::Fleet(const PublishOptions& options, publish::Source& source,
             const std::shared_ptr<const dtls::Certificate>& certificate)
    : feeder_(source, worker_,
              [this](const Now& due, const publish::EncodedFrame& frame) { deliver(due, frame); }) {
  publish::PublisherOptions tracks;
  if (options.video) tracks.video = source.video();
  if (options.audio) tracks.audio = source.audio();
  for (int number = 1; number <= options.count; ++number) {
    publishers_.push_back(
        std::make_unique<WhipPublisher>(WhipTarget{numbered(options.url, number), options.token}, tracks,
                                        certificate, random_, worker_, requests_));
  }
}

void Fleet::deliver(const Now& due, const publish::EncodedFrame& frame) {
  for (const auto& publisher : publishers_) {
    publisher->send(due, frame);
    if (publisher->take_key_frame_request()) feeder_.request_key_frame();
  }
}

Totals Fleet::totals() {
  std::promise<Totals> counted;
  worker_.post([&] { counted.set_value(count()); });
  return counted.get_future().get();
}

Totals Fleet::count() {
  using Phase = WhipPublisher::Phase;
  Totals totals;
  for (std::size_t i = 0; i < publishers_.size(); ++i) {
    WhipPublisher& publisher = *publishers_[i];
    if (publisher.phase() != Phase::ended) ++totals.active;
    if (publisher.phase() == Phase::live) ++totals.live;
    totals.sent.frames += publisher.counters().frames;
    totals.sent.packets += publisher.counters().packets;
    totals.sent.bytes += publisher.counters().bytes;
    totals.sent.resent += publisher.counters().resent;
    totals.sent.key_frame_requests += publisher.counters().key_frame_requests;
    if (auto error = publisher.take_error()) {
      totals.errors.push_back(fmt::format("publisher {}: {}", i + 1, *error));
    }
  }
  if (totals.live > 0 && !live_since_) {
    live_since_ = io::read_monotonic_clock();
    feeder_.start();
  }
  totals.live_since = live_since_;
  if (auto error = feeder_.take_error()) {
    totals.errors.push_back(std::move(error->message));
    for (const auto& publisher : publishers_) publisher->close();
  }
  return totals;
}

Result<std::unique_ptr<publish::Source>> open_source(const PublishOptions& options) {
  if (!options.input.empty()) return publish::open_file_source(options.input);
  publish::SyntheticSettings settings;
  settings.audio = options.audio.has_value();
  if (options.video) {
    settings.video = publish::VideoSettings{.codec = *options.video,
                                            .width = options.width,
                                            .height = options.height,
                                            .frames_per_second = options.frames_per_second,
                                            .bits_per_second = options.bits_per_second,
                                            .keyframe_interval = options.key_frames == KeyFrames::interval
                                                                     ? options.key_frame_interval
                                                                     : Duration::zero()};
  }
  return publish::open_synthetic_source(settings);
}

// A socket each, and some for the offers.
void allow_descriptors(int count) {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  const auto wanted = static_cast<rlim_t>(count) + 256;
  if (limit.rlim_cur >= wanted) return;
  limit.rlim_cur = std::min(wanted, limit.rlim_max);
  setrlimit(RLIMIT_NOFILE, &limit);  // refused: opening a socket will say so
}

// One line a second on stderr; on a terminal always the same one.
class StatusLine {
 public:
  void print(const Totals& totals, std::uint64_t late_frames, Instant now) {
    if (!totals.live_since || now < next_) return;
    const double seconds = to_seconds(now - last_);
    const auto elapsed = (to_milliseconds(now - *totals.live_since) + 500) / 1000;
    const double rate =
        next_ == Instant{} ? 0 : static_cast<double>(totals.sent.bytes - bytes_) * 8e-6 / seconds;
    fmt::print(stderr,
               "{}{:02}:{:02}:{:02}  {} live  {} frames  {} packets  {:.2f} Mb/s  {} resent  {} key frames "
               "requested{}{}",
               terminal_ ? "\r\x1b[K" : "", elapsed / 3600, elapsed / 60 % 60, elapsed % 60, totals.live,
               totals.sent.frames, totals.sent.packets, rate, totals.sent.resent,
               totals.sent.key_frame_requests,
               late_frames > 0 ? fmt::format("  THE ENCODER IS BEHIND: {} frames late", late_frames) : "",
               terminal_ ? "" : "\n");
    last_ = now;
    next_ = now + std::chrono::seconds(1);
    bytes_ = totals.sent.bytes;
  }
  ~StatusLine() {
    if (terminal_ && next_ != Instant{}) fmt::print(stderr, "\n");
  }

 private:
  const bool terminal_ = isatty(STDERR_FILENO) == 1;
  Instant last_{};
  Instant next_{};
  std::uint64_t bytes_ = 0;
};

// Until the duration is over, a signal comes, or nothing is left to do. Gives the exit status.
int publish_until_done(const PublishOptions& options, Fleet& fleet, io::StopSignals& signals) {
  StatusLine line;
  int status = 0;
  Instant end = never;
  for (;;) {
    const bool stopped =
        signals.wait_until(std::min(end, io::read_monotonic_clock() + poll_interval)).has_value();
    const Instant now = io::read_monotonic_clock();
    const Totals totals = fleet.totals();
    for (const std::string& error : totals.errors) status = complain(error);
    if (!options.quiet) line.print(totals, fleet.late_frames(), now);
    if (totals.live_since && options.duration > Duration::zero()) end = *totals.live_since + options.duration;
    if (stopped || now >= end || totals.active == 0) return status;
  }
}

int say_goodbye(Fleet& fleet, io::StopSignals& signals) {
  fleet.close();
  const Instant end = io::read_monotonic_clock() + goodbye_limit;
  int status = 0;
  for (;;) {
    const Totals totals = fleet.totals();
    for (const std::string& error : totals.errors) status = complain(error);
    const Instant now = io::read_monotonic_clock();
    if (totals.active == 0 || now >= end) return status;
    if (signals.wait_until(now + poll_interval / 10)) return status;  // in a hurry
  }
}

}  // namespace

int run_publish(const PublishOptions& options) {
  io::StopSignals signals;
  auto source = open_source(options);
  if (!source) return complain(source.error().message);
  if (!(options.video && (*source)->video()) && !(options.audio && (*source)->audio())) {
    return complain("nothing to publish: the source has neither video nor audio to send");
  }
  auto certificate = dtls::Certificate::generate();
  if (!certificate) return complain(certificate.error().message);
  allow_descriptors(options.count);

  Fleet fleet(options, **source, *certificate);
  fleet.start();
  const int status = publish_until_done(options, fleet, signals);
  return std::max(status, say_goodbye(fleet, signals));
}

}  // namespace holdfast::app
