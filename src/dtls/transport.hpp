#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/address.hpp"
#include "base/bytes.hpp"
#include "base/outbox.hpp"
#include "base/time.hpp"
#include "dtls/certificate.hpp"

namespace holdfast::dtls {

enum class Role : std::uint8_t { client, server };  // a=setup:active is the client

enum class State : std::uint8_t {
  idle,  // a client that was not started, a server that heard nothing
  handshaking,
  connected,
  closed,  // by close_notify, ours or theirs
  failed,  // see error()
};

// What may protect the media, by its number in RFC 5764 section 4.1.2 and RFC 7714 section 14.2. AES-256 is
// never offered: a LiveKit server would choose it, and it costs more for nothing.
enum class SrtpProfile : std::uint16_t { aes128_cm_sha1_80 = 0x0001, aead_aes_128_gcm = 0x0007 };

// The keys of both directions: master key followed by master salt, as SRTP libraries take them. RFC 5764
// section 4.2.
struct KeyingMaterial {
  SrtpProfile profile = SrtpProfile::aead_aes_128_gcm;
  ByteVector local;   // protects what we send
  ByteVector remote;  // protects what they send
};

// One DTLS 1.2 association whose purpose is keys for SRTP (RFC 5764). Sans-IO; one thread. Datagrams are at
// most `mtu`.
//
// The peer must show a certificate with one of the fingerprints given, or the handshake fails. Application
// data (SCTP) is read and ignored. A lost flight is sent again after 100 ms, doubling to 4 s, and given up
// after some 30 s. OpenSSL measures these times by gettimeofday(): under a simulated clock the test supplies
// that function, see sim/time_of_day.hpp.
class Transport {
 public:
  static constexpr std::size_t mtu = 1200;  // UDP payload, bytes

  // Datagrams go to `to` by way of `outbox`: both are borrowed for the call.
  struct Path {
    Outbox& outbox;
    const Endpoint& to;
  };

  Transport(std::shared_ptr<const Certificate> certificate, Role role, std::vector<Fingerprint> remote);
  ~Transport();
  Transport(Transport&&) noexcept;
  Transport& operator=(Transport&&) noexcept;

  // A client sends its ClientHello. A server has nothing to do until one comes.
  void start(Instant now, const Path& path);
  void handle_datagram(Instant now, Bytes datagram, const Path& path);
  void handle_timeout(Instant now, const Path& path);
  // When handle_timeout() is wanted; `never` outside a handshake.
  Instant deadline() const { return deadline_; }
  // Says goodbye (close_notify), unless the association is over already.
  void close(const Path& path);

  State state() const { return state_; }
  // What failed and why, for people. Empty unless state() is failed.
  const std::string& error() const { return error_; }
  // Valid from `connected` on.
  const KeyingMaterial& keying_material() const { return keys_; }

 private:
  struct Connection;

  // Lets OpenSSL work on one datagram, or on none, and reads its timer.
  void advance(Instant now, Bytes datagram, const Path& path);
  void handshake();
  void finish_handshake();
  void discard_application_data();
  void fail(std::string why);

  std::unique_ptr<Connection> connection_;
  Role role_;
  State state_ = State::idle;
  Instant deadline_ = never;
  std::string error_;
  KeyingMaterial keys_;
};

}  // namespace holdfast::dtls
