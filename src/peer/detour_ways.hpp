#pragma once

// The ways that Detours knows, each a base of the ICE agent's.
#include <optional>
#include <string>

#include "base/frame_reader.hpp"
#include "ice/tcp_framing.hpp"
#include "peer/detours.hpp"
#include "turn/client.hpp"
#include "turn/stream_framing.hpp"

namespace holdfast::peer {

// Longer ones come from nobody: what a path carries is at most 1,500 bytes.
inline constexpr std::size_t longest_frame = 2048;

class Detours::Way : public Outbox {
 public:
  Way(Links& links, LinkTarget target)
      : target_(std::move(target)), links_(links), link_(links.open(target_)) {}
  ~Way() override { links_.close(link_); }
  Way(const Way&) = delete;
  Way& operator=(const Way&) = delete;

  virtual void handle_open(Instant now) = 0;
  virtual void handle_bytes(Instant now, MutableBytes bytes, Receiver& receiver) = 0;
  virtual void handle_timeout(Instant) {}
  virtual Instant deadline() const { return never; }
  // Whether datagrams can pass, if the other side is there.
  virtual bool is_ready() const = 0;
  // Which of the other side's candidates it leads to.
  virtual bool leads_to(const ice::Candidate& candidate) const = 0;
  virtual Transport transport() const = 0;
  // Empty while there is hope.
  virtual std::string_view error() const = 0;

  LinkId link() const { return link_; }
  const LinkTarget& target() const { return target_; }
  const ice::Base& base() const { return base_; }
  bool is_paired = false;  // the agent knows it

 protected:
  const LinkTarget target_;
  Links& links_;
  const LinkId link_;
  ice::Base base_;
};

// To one passive TCP candidate.
class Detours::Connection final : public Way {
 public:
  Connection(Links& links, const ice::Candidate& candidate)
      : Way(links, {LinkKind::tcp, candidate.endpoint.address.to_string(), candidate.endpoint.port}),
        remote_(candidate.endpoint) {
    base_ = ice::Base::connection(*this);
  }

  void handle_open(Instant) override { is_open_ = true; }
  void handle_bytes(Instant, MutableBytes bytes, Receiver& receiver) override {
    frames_.push(bytes);
    while (const auto datagram = frames_.next()) receiver.receive(remote_, *datagram, base_);
  }
  void send(const Endpoint&, Bytes datagram) override {
    framed_.clear();
    ice::append_tcp_frame(datagram, framed_);
    links_.send(link_, framed_);
  }
  bool is_ready() const override { return is_open_; }
  bool leads_to(const ice::Candidate& candidate) const override {
    return candidate.transport == ice::Transport::tcp && candidate.endpoint == remote_;
  }
  Transport transport() const override { return Transport::tcp; }
  std::string_view error() const override { return {}; }

 private:
  const Endpoint remote_;
  bool is_open_ = false;
  FrameReader frames_{ice::measure_tcp_frame, longest_frame};
  ByteVector framed_;
};

// By way of one TURN server.
class Detours::Relay final : public Way, private turn::Wire {
 public:
  Relay(Links& links, const turn::Server& server, std::uint16_t local_preference, Random& random)
      : Way(links, server.target),
        local_preference_(local_preference),
        client_(server.username, server.password,
                target_.kind == LinkKind::udp ? turn::Carrier::datagrams : turn::Carrier::stream, random) {
    base_ = ice::Base::relay(*this, local_preference);
    if (target_.kind != LinkKind::udp) frames_.emplace(turn::measure_message, longest_frame);
  }
  ~Relay() override { client_.close(*this); }

  void handle_open(Instant now) override { client_.start(now, *this); }
  void handle_bytes(Instant now, MutableBytes bytes, Receiver& receiver) override {
    if (!frames_) return handle_message(now, bytes, receiver);
    frames_->push(bytes);
    while (const auto message = frames_->next()) handle_message(now, *message, receiver);
  }
  void send(const Endpoint& to, Bytes datagram) override { client_.send(to, datagram, *this); }
  void handle_timeout(Instant now) override { client_.handle_timeout(now, *this); }
  Instant deadline() const override { return client_.deadline(); }
  bool is_ready() const override { return client_.state() == turn::State::ready; }
  // The relayed address is of one family, and so are those it can send to (RFC 8656 section 11.2).
  bool leads_to(const ice::Candidate& candidate) const override {
    return candidate.transport == ice::Transport::udp &&
           candidate.endpoint.address.is_v4() == client_.relayed().address.is_v4();
  }
  Transport transport() const override {
    return target_.kind == LinkKind::udp   ? Transport::turn_udp
           : target_.kind == LinkKind::tcp ? Transport::turn_tcp
                                           : Transport::turn_tls;
  }
  std::string_view error() const override {
    return frames_ && frames_->is_broken() ? "the server does not speak TURN"
                                           : std::string_view(client_.error());
  }
  ice::Candidate candidate() const { return ice::Candidate::relayed(client_.relayed(), local_preference_); }

 private:
  void handle_message(Instant now, MutableBytes message, Receiver& receiver) {
    if (const auto received = client_.handle_message(now, message, *this)) {
      receiver.receive(received->from, received->data, base_);
    }
  }
  void send(Bytes message) override { links_.send(link_, message); }

  const std::uint16_t local_preference_;
  turn::Client client_;
  std::optional<FrameReader> frames_;  // over a stream
};

}  // namespace holdfast::peer
