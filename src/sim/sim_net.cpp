#include "sim/sim_net.hpp"

#include <algorithm>
#include <cmath>

namespace holdfast::sim {

Outbox& SimNet::attach(const Endpoint& at, Receiver receiver) {
  auto& host = hosts_[at];
  if (!host) host = std::make_unique<Host>(*this, at);
  host->receiver = std::move(receiver);
  return *host;
}

void SimNet::detach(const Endpoint& at) {
  if (const auto host = hosts_.find(at); host != hosts_.end()) host->second->receiver = nullptr;
}

void SimNet::both_ways(const Endpoint& a, const Endpoint& b, const Path& path) {
  link(a, b).path = path;
  link(b, a).path = path;
}

void SimNet::black_out(const Endpoint& a, const Endpoint& b, Duration span) {
  link(a, b).path.dark_until = link(b, a).path.dark_until = clock_.now() + span;
}

void SimNet::rebind(const Endpoint& inside, const Endpoint& outside) {
  std::erase_if(inside_of_, [&](const auto& mapping) { return mapping.second == inside; });
  outside_of_[inside] = outside;
  inside_of_[outside] = inside;
}

SimNet::Link& SimNet::link(const Endpoint& from, const Endpoint& to) {
  const auto [entry, is_new] = links_.try_emplace({from, to});
  if (is_new) entry->second.path = everywhere;
  return entry->second;
}

void SimNet::send(const Endpoint& from, const Endpoint& to, Bytes datagram) {
  last_fate_.reset();
  const auto source = outside_of_.find(from);
  const auto target = inside_of_.find(to);
  if (target == inside_of_.end() && outside_of_.contains(to))
    return;  // behind its NAT, not to be reached directly
  const Endpoint& seen_from = source == outside_of_.end() ? from : source->second;
  const Endpoint& inside = target == inside_of_.end() ? to : target->second;

  Link& link = this->link(from, inside);
  ++link.counters.sent;
  if (loses(link)) {
    ++link.counters.lost;
    return;
  }
  ByteVector bytes(datagram.begin(), datagram.end());
  if (happens(link.path.duplicate)) {
    last_fate_ = arrival(link);
    deliver(link, *last_fate_, seen_from, inside, bytes);
  }
  const bool whole = bytes.empty() || !happens(link.path.corrupt);
  if (!whole) {
    ++link.counters.corrupted;
    bytes[random_.below(bytes.size())] ^= static_cast<std::uint8_t>(1u << random_.below(8));
  }
  const Instant at = arrival(link);
  if (whole) last_fate_ = std::min(at, last_fate_.value_or(at));
  deliver(link, at, seen_from, inside, std::move(bytes));
}

bool SimNet::loses(Link& link) {
  const Instant now = clock_.now();
  if (now < link.path.dark_until || now < link.burst_end) return true;
  if (link.burst_left > 0) {
    --link.burst_left;
    return true;
  }
  if (happens(link.path.burst_loss)) {
    if (link.path.burst_datagrams > 0) {
      link.burst_left = link.path.burst_datagrams - 1;
      return true;
    }
    const double length = -std::log(1 - random_.unit()) * static_cast<double>(link.path.burst_length.count());
    link.burst_end = now + Duration(static_cast<Duration::rep>(length));
    return true;
  }
  return happens(link.path.loss);
}

Duration SimNet::up_to(Duration most) {
  if (most <= Duration::zero()) return {};
  return Duration(random_.below(static_cast<std::uint64_t>(most.count()) + 1));
}

Instant SimNet::arrival(Link& link) {
  const Instant at = clock_.now() + link.path.delay + up_to(link.path.jitter);
  if (happens(link.path.reorder)) return at + link.path.reorder_delay + up_to(link.path.reorder_jitter);
  link.last_arrival = std::max(link.last_arrival, at);
  return link.last_arrival;
}

void SimNet::deliver(Link& link, Instant at, const Endpoint& source, const Endpoint& inside,
                     ByteVector datagram) {
  clock_.schedule(at, [this, &link, source, inside, datagram = std::move(datagram)] {
    const auto host = hosts_.find(inside);
    if (host == hosts_.end() || !host->second->receiver) return;
    ++link.counters.delivered;
    const Receiver receiver = host->second->receiver;  // it may detach or replace itself
    receiver(source, datagram);
  });
}

}  // namespace holdfast::sim
