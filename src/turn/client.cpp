#include "turn/client.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/text.hpp"
#include "turn/stream_framing.hpp"

namespace holdfast::turn {
namespace {

using namespace std::chrono_literals;

constexpr std::uint8_t udp_protocol = 17;
constexpr std::uint16_t last_channel = 0x4fff;
// RFC 8489 section 6.2.1: seven copies, the waits between them doubling from 500 ms, and 8 s after the last.
constexpr Duration first_interval = 500ms;
constexpr Duration last_interval = 8s;
constexpr int most_copies = 7;
constexpr Duration stream_timeout = 39'500ms;  // RFC 8489 section 6.2.2
constexpr int most_attempts = 4;               // with another nonce each
// RFC 8656 sections 9 and 12: a permission lasts 5 min, a channel 10. A renewal needs time to be repeated.
constexpr Duration permission_lifetime = 5min;
constexpr Duration channel_lifetime = 10min;
constexpr Duration renewal_margin = 1min;
// So that a request fits, whatever a server says.
constexpr std::size_t longest_username = 512;
constexpr std::size_t longest_realm = 256;
constexpr std::size_t longest_nonce = 512;

std::string said(const stun::Message& response) {
  return response.error ? fmt::format("{} {}", response.error->number, printable(response.error->reason))
                        : "a malformed response";
}

}  // namespace

Client::Client(std::string username, std::string password, Carrier carrier, Random& random)
    : username_(std::move(username)), password_(std::move(password)), carrier_(carrier), random_(random) {}

void Client::start(Instant now, Wire& wire) {
  if (state_ != State::idle) return;
  state_ = State::allocating;
  if (username_.size() > longest_username) {
    fail(fmt::format("the TURN user name is longer than {} bytes", longest_username));
  } else {
    ask(now, {.purpose = Purpose::allocate}, wire);
  }
  plan();
}

std::optional<Received> Client::handle_message(Instant now, MutableBytes message, Wire& wire) {
  if (state_ == State::failed || state_ == State::closed) return std::nullopt;
  if (is_channel_data(message)) return handle_channel_data(message);
  const auto parsed = stun::parse(message, stun::Protocol::turn);
  if (!parsed) {
    ++counters_.malformed;
  } else if (parsed->type == stun::Class::indication) {
    return handle_data(message, *parsed);
  } else if (parsed->type != stun::Class::request) {
    handle_response(now, *parsed, wire);
    plan();
  }
  return std::nullopt;
}

std::optional<Received> Client::handle_channel_data(MutableBytes message) {
  const std::size_t size = message.size() < channel_header_size ? message.size() : load_u16(&message[2]);
  if (message.size() < channel_header_size + size) {
    ++counters_.malformed;
    return std::nullopt;
  }
  const std::uint16_t number = load_u16(message.data());
  const auto peer = std::ranges::find(peers_, number, &Peer::number);
  if (peer == peers_.end()) {
    ++counters_.unmatched;
    return std::nullopt;
  }
  peer->permission.used = peer->channel.used = true;
  return Received{peer->at, message.subspan(channel_header_size, size)};
}

// Nothing in an indication is authenticated: who could forge one could forge the peer's datagram as well, and
// that is protected by itself.
std::optional<Received> Client::handle_data(MutableBytes message, const stun::Message& indication) {
  if (indication.method != stun::Method::data || !indication.peer || !indication.data) {
    ++counters_.malformed;
    return std::nullopt;
  }
  if (Peer* peer = find(*indication.peer)) peer->permission.used = true;
  const auto offset = static_cast<std::size_t>(indication.data->data() - message.data());
  return Received{*indication.peer, message.subspan(offset, indication.data->size())};
}

void Client::handle_response(Instant now, const stun::Message& response, Wire& wire) {
  const auto found = std::ranges::find(requests_, response.transaction, &Request::transaction);
  if (found == requests_.end()) {
    ++counters_.unmatched;
    return;
  }
  // An error may come unsigned: 401 and 438 always do, and what some servers say beside is better told to
  // people than waited out. It takes our transaction, so it takes somebody on the way, who could cut us off
  // anyway.
  const bool is_error = response.type == stun::Class::error;
  if (!(is_error && response.integrity_offset == 0) &&
      (key_.empty() || !stun::is_authentic(response, key_))) {
    ++counters_.unauthenticated;
    return;
  }
  Request request = std::move(*found);
  requests_.erase(found);
  if (is_error) {
    handle_error(now, std::move(request), response, wire);
  } else {
    handle_success(now, request, response, wire);
  }
}

void Client::handle_success(Instant now, const Request& request, const stun::Message& response, Wire& wire) {
  switch (request.purpose) {
    case Purpose::allocate:
      return handle_allocated(now, response);
    case Purpose::refresh:
      return set_lifetime(now, response.lifetime.value_or(0));
    case Purpose::permit:
    case Purpose::bind:
      break;
  }
  Peer* peer = find(request.peer);
  if (peer == nullptr) return;
  const Duration lifetime = request.purpose == Purpose::bind ? channel_lifetime : permission_lifetime;
  Lease& lease = lease_of(*peer, request.purpose);
  lease.stage = Lease::Stage::held;
  lease.renew_at = now + lifetime - renewal_margin;
  lease.ends = now + lifetime;
  if (request.purpose == Purpose::bind || peer->waiting.empty()) return;
  send_indication(peer->at, peer->waiting, wire);
  peer->waiting.clear();
}

void Client::handle_allocated(Instant now, const stun::Message& response) {
  if (!response.relayed || !response.lifetime) {
    return fail("the TURN server's response has no relayed address");
  }
  relayed_ = *response.relayed;
  state_ = State::ready;
  set_lifetime(now, *response.lifetime);
}

void Client::set_lifetime(Instant now, std::uint32_t seconds) {
  const Duration lifetime = std::chrono::seconds(std::clamp<std::uint32_t>(seconds, 10, 86'400));
  refresh_at_ = now + std::max(lifetime - renewal_margin, lifetime / 2);
}

void Client::handle_error(Instant now, Request request, const stun::Message& response, Wire& wire) {
  const int number = response.error ? response.error->number : 0;
  const bool first_refusal = number == stun::unauthenticated && key_.empty();
  if ((first_refusal || number == stun::stale_nonce) && ++request.attempts < most_attempts) {
    if (take_credentials(response)) ask(now, std::move(request), wire);
    return;
  }
  if (number == stun::unauthenticated)
    return fail("the TURN server rejected the user name or the credential");
  handle_refusal(request, said(response));
}

// False: failed.
bool Client::take_credentials(const stun::Message& response) {
  if (!response.nonce || response.nonce->size() > longest_nonce) {
    fail("the TURN server sent no nonce, or a nonce that is too long");
    return false;
  }
  nonce_ = *response.nonce;
  if (!response.realm && !key_.empty()) return true;
  if (!response.realm || response.realm->size() > longest_realm) {
    fail("the TURN server sent no realm, or a realm that is too long");
    return false;
  }
  realm_ = *response.realm;
  const auto key = stun::long_term_key(username_, realm_, password_);
  if (!key) {
    fail("TURN needs MD5 (RFC 8489 section 9.2.2), which is disabled in this OpenSSL");
    return false;
  }
  key_ = *key;
  return true;
}

void Client::handle_refusal(const Request& request, const std::string& why) {
  switch (request.purpose) {
    case Purpose::allocate:
      return fail(fmt::format("the TURN server refused an allocation: {}", why));
    case Purpose::refresh:
      return fail(fmt::format("the TURN server ended the allocation: {}", why));
    case Purpose::permit:
    case Purpose::bind:
      if (Peer* peer = find(request.peer)) {
        lease_of(*peer, request.purpose).stage = Lease::Stage::refused;
        if (request.purpose == Purpose::permit) peer->waiting = {};
      }
  }
}

void Client::send(const Endpoint& to, Bytes data, Wire& wire) {
  Peer* peer = state_ == State::ready && data.size() <= max_data ? find_or_add(to) : nullptr;
  if (peer == nullptr || peer->permission.stage == Lease::Stage::refused) {
    ++counters_.dropped;
    return;
  }
  peer->permission.used = peer->channel.used = true;
  if (peer->channel.is_held() && peer->permission.is_held()) {
    scratch_.clear();
    ByteWriter writer(scratch_);
    writer.write_u16(peer->number);
    writer.write_u16(static_cast<std::uint16_t>(data.size()));
    writer.write_bytes(data);
    if (carrier_ == Carrier::stream) writer.write_zeros((4 - data.size() % 4) % 4);
    return wire.send(scratch_);
  }
  if (peer->channel.stage == Lease::Stage::none && peer->number != 0 && !stun::is_stun(data)) {
    peer->channel.stage = Lease::Stage::wanted;
    deadline_ = overdue;
  }
  if (peer->permission.is_held()) return send_indication(to, data, wire);
  peer->waiting.assign(data.begin(), data.end());
  if (peer->permission.stage == Lease::Stage::none) {
    peer->permission.stage = Lease::Stage::wanted;
    deadline_ = overdue;
  }
}

void Client::send_indication(const Endpoint& peer, Bytes data, Wire& wire) {
  stun::Message indication;
  indication.method = stun::Method::send;
  indication.type = stun::Class::indication;
  random_.fill(indication.transaction);
  indication.peer = peer;
  indication.data = data;
  wire.send(stun::serialize_unsigned(indication));
}

void Client::handle_timeout(Instant now, Wire& wire) {
  repeat_requests(now, wire);
  if (state_ == State::ready) {
    renew_leases(now, wire);
    if (now >= refresh_at_) {
      refresh_at_ = never;
      ask(now, {.purpose = Purpose::refresh}, wire);
    }
  }
  plan();
}

void Client::repeat_requests(Instant now, Wire& wire) {
  for (std::size_t i = 0; i < requests_.size() && state_ != State::failed;) {
    Request& request = requests_[i];
    if (request.next_send > now) {
      ++i;
    } else if (carrier_ == Carrier::stream || request.copies >= most_copies) {
      const Request lost = std::move(request);
      requests_.erase(requests_.begin() + static_cast<std::ptrdiff_t>(i));
      handle_refusal(lost, "no response");
    } else {
      wire.send(request.bytes);
      ++request.copies;
      request.interval *= 2;
      request.next_send = now + (request.copies == most_copies ? last_interval : request.interval);
      ++i;
    }
  }
}

void Client::renew_leases(Instant now, Wire& wire) {
  for (Peer& peer : peers_) {
    for (const Purpose purpose : {Purpose::permit, Purpose::bind}) {
      if (wants_request(now, lease_of(peer, purpose))) {
        ask(now, {.purpose = purpose, .peer = peer.at, .channel = peer.number}, wire);
      }
    }
  }
}

bool Client::wants_request(Instant now, Lease& lease) {
  using Stage = Lease::Stage;
  const bool renew = lease.stage == Stage::held && now >= lease.renew_at;
  if (lease.stage == Stage::renewing && now >= lease.ends) lease.stage = Stage::asked;
  if (lease.stage == Stage::wanted || (renew && std::exchange(lease.used, false))) {
    lease.stage = renew ? Stage::renewing : Stage::asked;
    return true;
  }
  if (renew) lease = {};  // nobody uses it: it lapses
  return false;
}

void Client::ask(Instant now, Request request, Wire& wire) {
  stun::Message message;
  message.type = stun::Class::request;
  switch (request.purpose) {
    case Purpose::allocate:
      message.method = stun::Method::allocate;
      message.requested_transport = udp_protocol;
      break;
    case Purpose::refresh:
      message.method = stun::Method::refresh;
      break;
    case Purpose::permit:
      message.method = stun::Method::create_permission;
      message.peer = request.peer;
      break;
    case Purpose::bind:
      message.method = stun::Method::channel_bind;
      message.peer = request.peer;
      message.channel = request.channel;
      break;
  }
  random_.fill(request.transaction);
  message.transaction = request.transaction;
  if (key_.empty()) {
    request.bytes = stun::serialize_unsigned(message);
  } else {
    message.username = username_;
    message.realm = realm_;
    message.nonce = nonce_;
    request.bytes = stun::serialize(message, key_);
  }
  request.copies = 1;
  request.interval = first_interval;
  request.next_send = now + (carrier_ == Carrier::stream ? stream_timeout : first_interval);
  wire.send(request.bytes);
  requests_.push_back(std::move(request));
}

void Client::close(Wire& wire) {
  if (state_ == State::ready) {
    stun::Message message;
    message.method = stun::Method::refresh;
    random_.fill(message.transaction);
    message.username = username_;
    message.realm = realm_;
    message.nonce = nonce_;
    message.lifetime = 0;  // RFC 8656 section 7.1
    wire.send(stun::serialize(message, key_));
  }
  state_ = State::closed;
  requests_.clear();
  plan();
}

Client::Peer* Client::find(const Endpoint& peer) {
  const auto found = std::ranges::find(peers_, peer, &Peer::at);
  return found == peers_.end() ? nullptr : &*found;
}

// nullptr if there is no room. The first one that holds nothing makes room.
Client::Peer* Client::find_or_add(const Endpoint& at) {
  if (Peer* known = find(at)) return known;
  if (peers_.size() >= max_peers) {
    const auto spare = std::ranges::find_if(peers_, [](const Peer& peer) {
      return !peer.permission.is_held() && !peer.channel.is_held() &&
             peer.permission.stage != Lease::Stage::asked && peer.channel.stage != Lease::Stage::asked;
    });
    if (spare == peers_.end()) return nullptr;
    peers_.erase(spare);
  }
  Peer& added = peers_.emplace_back();
  added.at = at;
  if (next_channel_ <= last_channel) added.number = next_channel_++;
  return &added;
}

Client::Lease& Client::lease_of(Peer& peer, Purpose purpose) {
  return purpose == Purpose::bind ? peer.channel : peer.permission;
}

void Client::fail(std::string why) {
  state_ = State::failed;
  error_ = std::move(why);
  requests_.clear();
  peers_.clear();
}

void Client::plan() {
  deadline_ = never;
  if (state_ == State::failed || state_ == State::closed) return;
  deadline_ = refresh_at_;
  for (const Request& request : requests_) deadline_ = std::min(deadline_, request.next_send);
  for (const Peer& peer : peers_) {
    for (const Lease* lease : {&peer.permission, &peer.channel}) {
      if (lease->stage == Lease::Stage::wanted) deadline_ = overdue;
      if (lease->stage == Lease::Stage::held) deadline_ = std::min(deadline_, lease->renew_at);
      if (lease->stage == Lease::Stage::renewing) deadline_ = std::min(deadline_, lease->ends);
    }
  }
}

}  // namespace holdfast::turn
