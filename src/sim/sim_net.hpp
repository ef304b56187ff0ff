#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "base/address.hpp"
#include "base/bytes.hpp"
#include "base/outbox.hpp"
#include "base/random.hpp"
#include "base/time.hpp"
#include "sim/sim_clock.hpp"

namespace holdfast::sim {

// What one direction between two endpoints does to datagrams. Chances are 0..1 a datagram. May be changed at
// any time.
struct Path {
  Duration delay = std::chrono::milliseconds(10);
  Duration jitter{};      // up to this is added to the delay; does not reorder by itself
  double loss = 0;        // each datagram by itself
  double burst_loss = 0;  // the chance that a datagram begins a burst: all are lost ...
  Duration burst_length = std::chrono::milliseconds(50);  // ... for this long on average (exponential)
  std::uint32_t burst_datagrams = 0;  // if not 0: the burst is so many datagrams long instead
  double reorder = 0;                 // held back by reorder_delay while later ones pass ...
  Duration reorder_delay = std::chrono::milliseconds(30);
  Duration reorder_jitter{};  // ... and by up to this more
  double duplicate = 0;       // delivered twice
  double corrupt = 0;         // one bit is flipped
  Instant dark_until{};       // a blackout: everything sent before this instant is lost
};

struct PathCounters {
  std::uint64_t sent = 0;
  std::uint64_t delivered = 0;  // duplicates count
  std::uint64_t lost = 0;       // by loss, burst or blackout
  std::uint64_t corrupted = 0;
};

// A network of UDP endpoints in simulated time. Everything random comes from the seed, in the order of sends:
// the same seed gives the same run.
//
//   SimClock clock;
//   SimNet net(clock, seed);
//   Outbox& out = net.attach(alice, [&](const Endpoint& from, Bytes datagram) { ... });
//   net.path(alice, bob).loss = 0.2;
//   out.send(bob, bytes);
//   clock.run_for(1s);
//
// Datagrams to nobody vanish, as on the real one. One thread.
class SimNet {
 public:
  using Receiver = std::function<void(const Endpoint& from, Bytes datagram)>;

  SimNet(SimClock& clock, std::uint64_t seed) : clock_(clock), random_(seed) {}

  // Whatever arrives at `at` goes to `receiver` from now on. The outbox sends from `at`, and lives as long as
  // the net.
  Outbox& attach(const Endpoint& at, Receiver receiver);
  // What is still under way to it vanishes.
  void detach(const Endpoint& at);

  void send(const Endpoint& from, const Endpoint& to, Bytes datagram);
  // When the datagram that was sent last arrives as it was sent; nothing: it never does. For a sender that is
  // to know what it cannot know.
  const std::optional<Instant>& last_fate() const { return last_fate_; }

  // The direction from -> to between attached endpoints, made from `everywhere` when first named or used.
  Path& path(const Endpoint& from, const Endpoint& to) { return link(from, to).path; }
  const PathCounters& counters(const Endpoint& from, const Endpoint& to) { return link(from, to).counters; }
  // The same change in both directions.
  void both_ways(const Endpoint& a, const Endpoint& b, const Path& path);
  // Nothing passes between the two for so long from now.
  void black_out(const Endpoint& a, const Endpoint& b, Duration span);
  // What a path is unless path() says otherwise. Paths that exist keep what they are.
  Path everywhere;

  // A NAT in front of `inside` that maps it to `outside` from now on: the others see `outside` as the source,
  // and what they send there arrives at `inside`. A mapping before this one is dead. Paths and counters go on
  // being named by `inside`.
  void rebind(const Endpoint& inside, const Endpoint& outside);

 private:
  struct Host final : Outbox {
    Host(SimNet& net, const Endpoint& at) : net_(net), at_(at) {}
    void send(const Endpoint& to, Bytes datagram) override { net_.send(at_, to, datagram); }

    SimNet& net_;
    Endpoint at_;
    Receiver receiver;  // empty: detached
  };
  struct Link {
    Path path;
    PathCounters counters;
    Instant last_arrival{};
    Instant burst_end{};
    std::uint32_t burst_left = 0;  // datagrams
  };

  Link& link(const Endpoint& from, const Endpoint& to);
  bool happens(double chance) { return chance > 0 && random_.unit() < chance; }
  bool loses(Link& link);
  Duration up_to(Duration most);
  Instant arrival(Link& link);
  void deliver(Link& link, Instant at, const Endpoint& source, const Endpoint& inside, ByteVector datagram);

  SimClock& clock_;
  SeededRandom random_;
  std::optional<Instant> last_fate_;
  std::map<Endpoint, std::unique_ptr<Host>> hosts_;
  std::map<std::pair<Endpoint, Endpoint>, Link> links_;  // std::map: a Link& stays valid
  std::map<Endpoint, Endpoint> outside_of_;              // NAT, inside -> outside
  std::map<Endpoint, Endpoint> inside_of_;               // NAT, outside -> inside
};

}  // namespace holdfast::sim
