#include "io/shared_port.hpp"

#include <algorithm>
#include <utility>

namespace holdfast::io {

void SharedPort::add(const std::string& ufrag, DatagramHandler& session) {
  members_.push_back(std::make_unique<Member>(Member{&session, ufrag}));
  by_ufrag_[ufrag] = members_.back().get();
}

void SharedPort::remove(DatagramHandler& session) {
  const auto found =
      std::ranges::find_if(members_, [&](const auto& member) { return member->session == &session; });
  if (found == members_.end()) return;
  std::erase_if(by_source_, [&](const auto& item) { return item.second == found->get(); });
  by_ufrag_.erase((*found)->ufrag);
  members_.erase(found);
}

void SharedPort::rename(DatagramHandler& session, const std::string& ufrag) {
  const auto found =
      std::ranges::find_if(members_, [&](const auto& member) { return member->session == &session; });
  if (found == members_.end()) return;
  Member& member = **found;
  by_ufrag_.erase(member.ufrag);
  member.ufrag = ufrag;
  member.paths = 0;
  by_ufrag_[ufrag] = &member;
}

SharedPort::Member* SharedPort::find(const Endpoint& from, Bytes datagram) {
  if (const auto known = by_source_.find(from); known != by_source_.end()) return known->second;
  const auto ufrag = read_ufrag_(datagram);
  if (!ufrag) return nullptr;
  const auto named = by_ufrag_.find(std::string(*ufrag));
  if (named == by_ufrag_.end() || named->second->paths >= max_paths_per_session) return nullptr;
  ++named->second->paths;
  by_source_.emplace(from, named->second);
  return named->second;
}

void SharedPort::handle_datagram(Instant arrival, const Endpoint& from, MutableBytes datagram,
                                 Outbox& outbox) {
  Member* member = find(from, datagram);
  if (member == nullptr) {
    ++strays_;
    return;
  }
  member->active = true;
  member->session->handle_datagram(arrival, from, datagram, outbox);
}

void SharedPort::handle_tick(const Now& now, Outbox& outbox) {
  // By index: a session may add another, or leave, during its tick.
  for (std::size_t i = 0; i < members_.size(); ++i) {
    Member& member = *members_[i];
    if (std::exchange(member.active, false) || member.due <= now.instant) {
      member.session->handle_tick(now, outbox);
    }
  }
}

Instant SharedPort::deadline() {
  Instant earliest = never;
  for (const auto& member : members_) {
    member->due = member->session->deadline();
    earliest = std::min(earliest, member->due);
  }
  return earliest;
}

}  // namespace holdfast::io
