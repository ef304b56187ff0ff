#include "peer/detours.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "peer/detour_ways.hpp"

namespace holdfast::peer {
namespace {

constexpr std::string_view separator = "; ";

// Of relays: UDP before TCP before TLS, and of one kind the one that is named first.
std::uint16_t relay_preference(LinkKind kind, std::size_t place) {
  const std::uint16_t best = kind == LinkKind::udp ? 30'000 : kind == LinkKind::tcp ? 20'000 : 10'000;
  return static_cast<std::uint16_t>(best - place);
}

}  // namespace

std::string_view to_string(Transport transport) {
  switch (transport) {
    case Transport::udp:
      return "UDP";
    case Transport::tcp:
      return "TCP";
    case Transport::turn_udp:
      return "TURN over UDP";
    case Transport::turn_tcp:
      return "TURN over TCP";
    case Transport::turn_tls:
      return "TURN over TLS";
  }
  return {};
}

Detours::Detours(DetourOptions options, ice::Agent& agent, Random& random)
    : options_(std::move(options)), agent_(agent), random_(random) {}

Detours::~Detours() = default;

void Detours::begin(Instant now) {
  if (options_.links == nullptr || is_open_ || open_at_ != never) return;
  const bool udp_is_hopeless = options_.policy == TransportPolicy::relay || !ways_.empty();
  open_at_ = udp_is_hopeless ? now : now + patience;
  plan();
}

void Detours::restart(Instant now) {
  close_unused(now);
  candidates_.clear();
  for (const auto& way : ways_) way->is_paired = false;
  is_open_ = false;
  open_at_ = settled_at_ = never;
  plan();
}

bool Detours::add_remote_candidate(Instant now, const ice::Candidate& candidate) {
  if (options_.links == nullptr) return false;
  const bool is_tcp = candidate.transport == ice::Transport::tcp;
  if (is_tcp && options_.policy == TransportPolicy::relay) return false;
  if (std::ranges::find(candidates_, candidate) != candidates_.end()) return true;
  if (candidates_.size() >= ice::Agent::max_pairs) return false;
  candidates_.push_back(candidate);
  if (is_tcp && is_open_) open_connection(candidate);
  for (const auto& way : ways_) {
    if (way->is_paired && way->leads_to(candidate)) agent_.add_remote_candidate(now, candidate, way->base());
  }
  return true;
}

void Detours::handle_timeout(Instant now) {
  if (now >= open_at_) {
    open_at_ = never;
    if (options_.policy == TransportPolicy::relay || !agent_.has_valid_pair()) open_all(now);
  }
  for (std::size_t i = ways_.size(); i-- > 0;) {
    Way& way = *ways_[i];
    way.handle_timeout(now);
    if (!way.error().empty()) {
      note_problem(way, way.error());
      close(now, way);
    } else if (way.is_ready() && !way.is_paired) {
      pair_up(now, way);
    }
  }
  if (agent_.state() != ice::State::connected) {
    settled_at_ = never;
  } else if (!ways_.empty() && settled_at_ == never) {
    settled_at_ = now + settling;
  } else if (now >= settled_at_) {
    close_unused(now);
  }
  plan();
}

void Detours::open_all(Instant now) {
  is_open_ = true;
  for (const ice::Candidate& candidate : candidates_) {
    if (candidate.transport == ice::Transport::tcp) open_connection(candidate);
  }
  if (options_.policy == TransportPolicy::relay && options_.servers.empty()) {
    problems_ = "ice_transport_policy allows only TURN, and no TURN server is known: set turn_servers";
  }
  const std::size_t count = std::min(options_.servers.size(), max_servers);
  for (std::size_t i = 0; i < count; ++i) {
    const turn::Server& server = options_.servers[i];
    open_relay(server, relay_preference(server.target.kind, i));
  }
  for (const auto& way : ways_) {
    if (way->is_ready()) pair_up(now, *way);  // one kept over an ICE restart
  }
}

void Detours::open_connection(const ice::Candidate& candidate) {
  const auto is_connection = [](const auto& way) { return way->transport() == Transport::tcp; };
  if (std::ranges::count_if(ways_, is_connection) >= static_cast<std::ptrdiff_t>(max_connections)) return;
  ways_.push_back(std::make_unique<Connection>(*options_.links, candidate));
}

void Detours::open_relay(const turn::Server& server, std::uint16_t local_preference) {
  const auto is_same = [&](const auto& way) {
    return way->transport() != Transport::tcp && way->target() == server.target;
  };
  if (std::ranges::any_of(ways_, is_same)) return;
  ways_.push_back(std::make_unique<Relay>(*options_.links, server, local_preference, random_));
}

void Detours::pair_up(Instant now, Way& way) {
  way.is_paired = true;
  for (const ice::Candidate& candidate : candidates_) {
    if (way.leads_to(candidate)) agent_.add_remote_candidate(now, candidate, way.base());
  }
}

void Detours::handle_open(Instant now, LinkId link) {
  Way* way = find(link);
  if (way == nullptr) return;
  way->handle_open(now);
  if (way->is_ready()) pair_up(now, *way);
  plan();
}

void Detours::handle_bytes(Instant now, LinkId link, MutableBytes bytes, Receiver& receiver) {
  Way* way = find(link);
  if (way == nullptr) return;
  const bool was_ready = way->is_ready();
  way->handle_bytes(now, bytes, receiver);
  if (!was_ready && way->is_ready()) pair_up(now, *way);
  plan();
}

void Detours::handle_closed(Instant now, LinkId link, std::string_view why) {
  Way* way = find(link);
  if (way == nullptr) return;
  note_problem(*way, why);
  close(now, *way);
  plan();
}

// The agent lets go of it first.
void Detours::close(Instant now, Way& way) {
  agent_.remove_base(now, way);
  std::erase_if(ways_, [&](const auto& other) { return other.get() == &way; });
}

void Detours::close_unused(Instant now) {
  for (std::size_t i = ways_.size(); i-- > 0;) {
    if (!is_used(*ways_[i])) close(now, *ways_[i]);
  }
  settled_at_ = never;
}

void Detours::note_problem(const Way& way, std::string_view why) {
  constexpr std::size_t enough = 500;
  if (problems_.size() >= enough) return;
  problems_ += fmt::format("{}{} {}:{}: {}", problems_.empty() ? "" : separator, to_string(way.transport()),
                           way.target().host, way.target().port, why);
}

std::string_view Detours::take_new_problems() {
  std::string_view fresh = problems_;
  fresh.remove_prefix(std::exchange(problems_taken_, problems_.size()));
  if (fresh.starts_with(separator)) fresh.remove_prefix(separator.size());
  return fresh;
}

std::vector<ice::Candidate> Detours::relayed_candidates() const {
  std::vector<ice::Candidate> candidates;
  for (const auto& way : ways_) {
    const auto* relay = dynamic_cast<const Relay*>(way.get());
    if (relay != nullptr && relay->is_ready()) candidates.push_back(relay->candidate());
  }
  return candidates;
}

Transport Detours::transport_of(const ice::Path& path) const {
  const auto found = std::ranges::find_if(ways_, [&](const auto& way) { return way.get() == path.base; });
  return found == ways_.end() ? Transport::udp : (*found)->transport();
}

Detours::Way* Detours::find(LinkId link) {
  const auto found = std::ranges::find_if(ways_, [&](const auto& way) { return way->link() == link; });
  return found == ways_.end() ? nullptr : found->get();
}

bool Detours::is_used(const Way& way) const {
  return agent_.selected() && agent_.selected()->base == &way;
}

// While there is a way open, the agent's state is looked at whenever anything happens: that is when it
// changes.
void Detours::plan() {
  deadline_ = std::min(open_at_, settled_at_);
  for (const auto& way : ways_) {
    const bool failed = !way->error().empty();  // to be closed, but not from within what it was doing
    deadline_ = std::min(deadline_, failed ? Instant{} : way->deadline());
  }
}

}  // namespace holdfast::peer
