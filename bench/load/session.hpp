#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/random.hpp"
#include "base/result.hpp"
#include "io/udp_socket.hpp"
#include "load/send_batch.hpp"
#include "load/track.hpp"
#include "load/track_loop.hpp"

namespace holdfast::bench {

struct Counters {
  std::uint64_t packets = 0;  // RTP, sent the first time; with what was lost on purpose
  std::uint64_t bytes = 0;    // of those
  std::uint64_t dropped = 0;  // lost on purpose
  std::uint64_t refused = 0;  // datagrams that the kernel did not take
  std::uint64_t nacks = 0;    // sequence numbers asked for
  std::uint64_t resent = 0;
  std::uint64_t plis = 0;  // PLI and FIR

  Counters& operator+=(const Counters& other);
};

// What the sessions of one thread share.
struct Studio {
  MediaLoop& loop;
  Random& random;   // nobody's guess: credentials, SSRCs
  Random& chance;   // seeded: what is lost, and when
  double loss = 0;  // share of the packets that are lost on purpose
  io::ReceiveBatch received{};
  SendBatch batch{};
  ByteVector report{};  // RTCP being written
};

enum class State : std::uint8_t { connecting, live, leaving, failed, ended };
enum class Media : std::uint8_t { video, audio };

// One publisher with a UDP socket of its own: the media path. How packets are protected, and how the
// connection comes about, is for those derived from it. Belongs to the thread of its Pump.
class Session {
 public:
  explicit Session(Studio& studio) : studio_(studio) {}
  virtual ~Session() = default;
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Begins to connect.
  virtual void begin(const Now& now) = 0;
  // Timers of the connection; a sender report when one is due. Gives when to call again.
  Duration keep(const Now& now);
  // The socket has something.
  void receive(const Now& now);
  // Says goodbye; State::ended soon after.
  virtual void end(const Now& now) = 0;

  // Once live: the loop's first frame is due at `start`.
  void start_media(Instant start);
  bool sends_media() const { return video_.has_value(); }
  // When that frame was due; never: it is not known yet.
  Instant media_start() const { return media_start_; }
  Instant due(Media media) const { return track(media)->due(); }
  // Gives how many packets left.
  std::uint32_t send_burst(Media media);

  int descriptor() const { return socket_.descriptor; }
  State state() const { return state_; }
  // Why it failed.
  const std::string& error() const { return error_; }
  const Counters& counters() const { return counters_; }

 protected:
  // False: it could not be protected.
  virtual bool send_rtp(Bytes packet, Outbox& out) = 0;
  virtual bool send_rtcp(Bytes packet, Outbox& out) = 0;
  virtual void handle_datagram(const io::ReceivedDatagram& datagram, Outbox& out) = 0;
  virtual void handle_timeout(const Now& now, Outbox& out) = 0;
  // SSRCs, payload types and first numbers, as negotiated.
  virtual Track::Config config(Media media) = 0;

  // Errors: io.
  Result<void> open_socket(const Endpoint& local);
  void connect_socket(const Endpoint& to);
  Endpoint local_endpoint() const { return own_->local_endpoint(); }
  Outbox& outbox() { return studio_.batch; }
  void flush() { counters_.refused += studio_.batch.flush(socket_); }
  void handle_rtcp(Bytes packet);
  void set_state(State state) { state_ = state; }
  void fail(std::string why);
  Studio& studio() { return studio_; }

 private:
  std::optional<Track>& track(Media media) { return media == Media::video ? video_ : audio_; }
  const std::optional<Track>& track(Media media) const { return media == Media::video ? video_ : audio_; }
  Track* find(Ssrc ssrc);
  void send_report(const Now& now, const Track& track);

  Studio& studio_;
  std::optional<io::UdpSocket> own_;
  Socket socket_;
  State state_ = State::connecting;
  std::string error_;
  std::optional<Track> video_, audio_;
  Instant next_report_ = never;
  Instant media_start_ = never;
  Counters counters_;
};

}  // namespace holdfast::bench
