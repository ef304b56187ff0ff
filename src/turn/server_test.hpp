#pragma once

// A small honest TURN server for tests, with a relay behind it on the simulated network.
#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "sim/sim_clock.hpp"
#include "sim/sim_net.hpp"
#include "stun/message.hpp"
#include "turn/stream_framing.hpp"

namespace holdfast::turn {

// One client, known by the wire it came over. Grants what RFC 8656 grants, forgets it when its time is over,
// and relays nothing beyond.
class TestServer {
 public:
  TestServer(sim::SimClock& clock, sim::SimNet& net, const Endpoint& relayed)
      : clock_(clock), net_(net), relayed_(relayed) {}

  // What it sends to its client; set by the test.
  std::function<void(Bytes message)> to_client;

  void handle(Bytes message) {
    if (is_channel_data(message)) return relay(channels_, load_u16(message.data()), message);
    const auto parsed = stun::parse(message, stun::Protocol::turn);
    if (!parsed) return;
    if (parsed->method == stun::Method::send) {
      ++indications;
      if (parsed->peer && parsed->data && is_permitted(parsed->peer->address)) {
        outbox_->send(*parsed->peer, *parsed->data);
      }
    } else if (parsed->type == stun::Class::request) {
      answer(*parsed);
    }
  }

  bool has_allocation() const { return clock_.now() < allocation_ends_; }
  bool is_permitted(const IpAddress& address) const {
    const auto found = permissions_.find(address);
    return has_allocation() && found != permissions_.end() && clock_.now() < found->second;
  }

  std::string username = "user";
  std::string password = "secret";
  std::string realm = "example.org";
  std::string nonce = "nonce 1";
  std::uint32_t lifetime = 600;                      // s
  std::optional<stun::ErrorCode> refuse_allocation;  // with these
  std::set<IpAddress> forbidden;                     // peers
  std::map<stun::Method, int> requests;              // of each method, authentic ones
  bool over_stream = false;                          // the way to its client: then ChannelData is padded
  int indications = 0;
  int channel_messages = 0;
  std::vector<std::uint16_t> channels_bound;

 private:
  struct Channel {
    Endpoint peer;
    Instant ends;
  };

  void answer(const stun::Message& request) {
    stun::Message response;
    response.method = request.method;
    response.transaction = request.transaction;
    response.type = stun::Class::error;
    const std::string key = stun::long_term_key(username, realm, password).value();
    if (!request.nonce || request.username != username || !stun::is_authentic(request, key)) {
      response.error = {stun::unauthenticated, "Unauthorized"};
    } else if (request.nonce != nonce) {
      response.error = {stun::stale_nonce, "Stale Nonce"};
    }
    if (response.error) {
      response.realm = realm;
      response.nonce = nonce;
      return to_client(stun::serialize_unsigned(response));
    }
    ++requests[request.method];
    response.type = stun::Class::success;
    grant(request, response);
    if (response.error) response.type = stun::Class::error;
    to_client(stun::serialize(response, key));
  }

  void grant(const stun::Message& request, stun::Message& response) {
    const Instant now = clock_.now();
    const bool allocates = request.method == stun::Method::allocate;
    if (allocates && refuse_allocation) {
      response.error = refuse_allocation;
    } else if (allocates && request.requested_transport != 17) {
      response.error = {442, "Unsupported Transport Protocol"};
    } else if (!allocates && !has_allocation()) {
      response.error = {437, "Allocation Mismatch"};
    } else if (request.peer && forbidden.contains(request.peer->address)) {
      response.error = {403, "Forbidden"};
    } else if (allocates) {
      outbox_ = &net_.attach(relayed_, [this](const Endpoint& from, Bytes data) { receive(from, data); });
      response.relayed = relayed_;
    }
    if (response.error) return;
    if (allocates || request.method == stun::Method::refresh) {
      response.lifetime = request.lifetime.value_or(lifetime);
      allocation_ends_ = now + std::chrono::seconds(*response.lifetime);
    }
    if (request.peer) permissions_[request.peer->address] = now + std::chrono::minutes(5);
    if (request.method == stun::Method::channel_bind) bind(request, response);
  }

  void bind(const stun::Message& request, stun::Message& response) {
    const bool taken = std::ranges::any_of(channels_, [&](const auto& channel) {
      return (channel.first == request.channel) != (channel.second.peer == *request.peer);
    });
    if (taken || *request.channel < 0x4000 || *request.channel > 0x4fff) {
      response.error = {400, "Bad Request"};
      return;
    }
    channels_[*request.channel] = {*request.peer, clock_.now() + std::chrono::minutes(10)};
    channels_bound.push_back(*request.channel);
  }

  void relay(const std::map<std::uint16_t, Channel>& channels, std::uint16_t number, Bytes message) {
    ++channel_messages;
    const auto channel = channels.find(number);
    if (channel == channels.end() || clock_.now() >= channel->second.ends) return;
    if (!is_permitted(channel->second.peer.address)) return;
    outbox_->send(channel->second.peer, message.subspan(channel_header_size, load_u16(&message[2])));
  }

  void receive(const Endpoint& from, Bytes data) {
    if (!is_permitted(from.address)) return;
    for (const auto& [number, channel] : channels_) {
      if (channel.peer != from || clock_.now() >= channel.ends) continue;
      ByteVector message;
      ByteWriter writer(message);
      writer.write_u16(number);
      writer.write_u16(static_cast<std::uint16_t>(data.size()));
      writer.write_bytes(data);
      if (over_stream) writer.write_zeros((4 - data.size() % 4) % 4);
      return to_client(message);
    }
    stun::Message indication;
    indication.method = stun::Method::data;
    indication.type = stun::Class::indication;
    indication.peer = from;
    indication.data = data;
    to_client(stun::serialize_unsigned(indication));
  }

  sim::SimClock& clock_;
  sim::SimNet& net_;
  const Endpoint relayed_;
  Outbox* outbox_ = nullptr;
  Instant allocation_ends_{};
  std::map<IpAddress, Instant> permissions_;
  std::map<std::uint16_t, Channel> channels_;
};

}  // namespace holdfast::turn
