#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "io/worker.hpp"

namespace holdfast::io {

// One UDP socket for many sessions, as a WHIP listener has it. A datagram goes to the session that its source
// address belongs to; an unknown source is a new path, told by the ICE user fragment in its STUN request (RFC
// 8445 section 7.3). Worker thread only.
class SharedPort final : public DatagramHandler {
 public:
  // Our own user fragment in a STUN binding request's USERNAME, unverified; nothing for any other datagram.
  using UfragReader = std::function<std::optional<std::string_view>(Bytes)>;
  // Paths one session may be reached by; further ones are ignored, so that a flood of forged sources costs
  // nothing.
  static constexpr std::size_t max_paths_per_session = 16;

  explicit SharedPort(UfragReader read_ufrag) : read_ufrag_(std::move(read_ufrag)) {}

  // The session must be removed before it dies. `ufrag` is its local one.
  void add(const std::string& ufrag, DatagramHandler& session);
  void remove(DatagramHandler& session);
  // Its local user fragment is another from now on. The paths it has stay.
  void rename(DatagramHandler& session, const std::string& ufrag);

  void handle_datagram(Instant arrival, const Endpoint& from, MutableBytes datagram, Outbox& outbox) override;
  void handle_tick(const Now& now, Outbox& outbox) override;
  Instant deadline() override;

  // Datagrams that belong to no session.
  std::uint64_t strays() const { return strays_; }

 private:
  struct Member {
    DatagramHandler* session;
    std::string ufrag;
    std::size_t paths = 0;
    bool active = false;
    Instant due{};  // its deadline before this round
  };

  Member* find(const Endpoint& from, Bytes datagram);

  UfragReader read_ufrag_;
  std::vector<std::unique_ptr<Member>> members_;
  std::unordered_map<std::string, Member*> by_ufrag_;
  std::unordered_map<Endpoint, Member*> by_source_;
  std::uint64_t strays_ = 0;
};

}  // namespace holdfast::io
