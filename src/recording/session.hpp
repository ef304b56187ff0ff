#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.hpp"
#include "base/executor.hpp"
#include "base/outbox.hpp"
#include "base/random.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "media/timeline.hpp"
#include "peer/peer.hpp"
#include "recording/gap_watch.hpp"
#include "recording/output.hpp"
#include "recording/status.hpp"
#include "recording/track.hpp"
#include "recording/track_journal.hpp"
#include "rtp/packet_pool.hpp"
#include "rtp/transport_feedback.hpp"

namespace holdfast::recording {

// Whether media is recorded from the start, or only once arm() was called: until then the stream is live and
// left alone.
enum class Arming : std::uint8_t { armed, waiting };

// Where resends are asked for. LiveKit's server answers a NACK also for sound whose offer leaves it out, as
// it does for publishers of RED; other senders do what they offer.
enum class Nack : std::uint8_t { where_offered, always };

struct SessionOptions {
  OutputOptions output;
  WallTime start_time;
  Duration recovery_window = std::chrono::milliseconds(1500);
  Duration keyframe_interval = std::chrono::seconds(4);
  Duration gap_limit = std::chrono::seconds(60);  // 0: never ends for silence
  Duration mute_limit{};                          // all tracks muted for so long; 0: never ends for that
  Nack nack = Nack::where_offered;
  DamageMode damage = DamageMode::keep;
  std::vector<Endpoint> local;       // our candidates
  peer::DetourOptions detours = {};  // round networks that block UDP
  Arming arming = Arming::armed;
};

// What a session borrows: all of it outlives the session.
struct SessionEnvironment {
  Random& random;
  std::shared_ptr<const dtls::Certificate> certificate;
  rtp::PacketPool& packets;  // the worker's
  storage::StorageContext storage;
  Executor& transcoder;  // runs this session's jobs in order
};

// A track as signalling announces it (LiveKit); WHIP announces none, the offer says it all.
struct AnnouncedTrack {
  std::string id;  // the track's SID
  bool muted = false;
};

class SessionEvents {
 public:
  virtual ~SessionEvents() = default;
  // The connection failed or was closed by the other side, and will not come back by itself. Recording goes
  // on waiting.
  virtual void on_connection_lost(std::string_view why) = 0;
  // Nothing came for gap_limit, or all was muted for mute_limit: the owner is to finish it, for that reason.
  virtual void on_limit(journal::EndReason reason) = 0;
};

// One recording, from the connection to the files: peer -> tracks -> output. It lives through any number of
// connections and sources on one timeline. Sans-IO but for what the storage context does; worker thread only.
class Session final : private peer::Sink, private TrackOwner {
 public:
  // `events` outlives the session.
  Session(SessionOptions options, SessionEnvironment environment, SessionEvents& events, const Now& now);

  // The other side's offer, the first or a later one; gives the answer. Errors: as peer::Peer::accept_offer.
  Result<std::string> accept_offer(const Now& now, std::string_view offer);
  void add_remote_candidate(Instant now, std::string_view candidate);
  // As peer::Peer::restart_ice.
  Result<peer::IceDescription> restart_ice(const Now& now, const peer::IceDescription& remote);
  // The next offer is of a new connection, with keys and credentials of its own.
  void reconnect(const Now& now);
  // Our candidates, for the next connection: to be followed by reconnect().
  void set_local(std::vector<Endpoint> local) { local_ = std::move(local); }
  // The same for the ways round a network that blocks UDP; the servers count for an ICE restart as well.
  // Their links outlive the session.
  void set_detours(peer::DetourOptions detours);
  const std::string& local_ufrag() const { return peer_->local_ufrag(); }

  // What signalling says of the track of that kind that is to be recorded; null: there is none now.
  void announce(const Now& now, media::Kind kind, const AnnouncedTrack* track);
  void set_participant(const std::string& identity);
  // What signalling knows to be wrong at present, and with that the cause of a gap; network: nothing.
  void suspect(GapCause cause) { gap_watch_.suspect(cause); }
  void arm(const Now& now);
  // As Output::split().
  void split() { output_.split(); }
  // For the journal. False: there is none yet, or it takes no more.
  bool note(journal::Event event, const Now& now) { return output_.note(std::move(event), now); }

  void handle_datagram(Instant arrival, const Endpoint& from, MutableBytes datagram, Outbox& outbox);
  // As peer::Peer's functions of these names.
  void handle_link_open(Instant now, LinkId link, Outbox& outbox);
  void handle_link_bytes(Instant now, LinkId link, MutableBytes bytes, Outbox& outbox);
  void handle_link_closed(Instant now, LinkId link, std::string_view why, Outbox& outbox);
  void handle_tick(const Now& now, Outbox& outbox);
  Instant deadline() const;

  // Says goodbye to the other side and ends the files; calls back when they are whole. Afterwards
  // handle_tick() must go on until then (a failing disk is tried again), and nothing else is of use but
  // status().
  void finish(journal::EndReason reason, const Now& now, Outbox& outbox, Output::Finished finished);

  // waiting, connecting, recording or gap.
  State state() const;
  // `output_paths`, sizes, tracks and counts as they are now.
  Status status(Instant now) const;
  storage::FileWriter::Counters disk_counters() const { return output_.disk_counters(); }
  // For tests: whether every track's ledger adds up, and whether media can be received.
  bool ledgers_hold() const;
  bool connected() const { return peer_->state() == peer::State::connected; }

 private:
  struct Slot {
    Slot(const TrackOptions& track_options, Session& session);

    Track track;
    std::optional<AnnouncedTrack> announced;
    bool signalled = false;  // announce() was ever called for it
    TrackJournal journal;
    ByteVector reorder_config;  // the parameter sets for which the reorder depth was set
  };

  void on_rtp(Instant arrival, MutableBytes packet) override;
  void on_rtcp(Instant arrival, MutableBytes packet) override;
  void on_state(peer::State state, std::string_view reason) override;
  void on_detour_failed(std::string_view what) override;
  void on_frame(Track& track, const codec::CodedFrame& frame, Instant arrival) override;

  Slot& slot(media::Kind kind) { return *slots_[static_cast<std::size_t>(kind)]; }
  const Slot& slot(media::Kind kind) const { return *slots_[static_cast<std::size_t>(kind)]; }
  void bind_sources(Instant now);
  const sdp::MediaSection* choose_section(media::Kind kind) const;
  Track* find_track(const rtp::Packet& packet, Instant now);
  static void settle(Track& track, std::uint32_t packets, Outcome outcome);
  static void set_reorder_depth(Slot& slot);
  void send_feedback(Instant now, Outbox& outbox);
  void take_transport_sequence(const rtp::Packet& packet, Instant arrival);
  void watch_gap(const Now& now);
  void note_gap(const std::optional<Gap>& gap, const Now& now);
  GapWatch::Tracks tracks_state() const;
  bool picture_expected() const;
  void keep_journal(const Now& now);
  TrackStatus track_status(media::Kind kind) const;
  // Both clocks at the instant of a packet, from the reading at the last tick.
  Now at(Instant instant) const { return {instant, now_.wall + (instant - now_.instant)}; }

  const SessionOptions options_;
  SessionEnvironment environment_;
  SessionEvents& events_;
  Now now_;
  media::Timeline timeline_;
  Output output_;
  std::array<std::unique_ptr<Slot>, 2> slots_;  // by media::Kind
  std::vector<Endpoint> local_;
  peer::DetourOptions detours_;
  std::unique_ptr<peer::Peer> peer_;
  Ssrc own_ssrc_;
  ByteVector feedback_;
  // Where the sender wants to know when its packets came (transport-cc): the header extension's id.
  std::uint8_t transport_id_ = 0;  // 0: it does not
  rtp::TransportFeedback transport_feedback_;
  Ssrc newest_source_;

  GapWatch gap_watch_;
  bool limit_told_ = false;
  bool armed_;
  bool finishing_ = false;
  ThreadOwner owner_;  // the worker's, from its first use there on
  Instant next_housekeeping_;
  Instant next_anchor_;
  Instant next_ledger_;
  std::uint64_t bytes_at_housekeeping_ = 0;
  Instant last_housekeeping_;
  double write_rate_ = 0;
};

}  // namespace holdfast::recording
