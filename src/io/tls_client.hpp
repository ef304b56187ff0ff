#pragma once

#include <memory>
#include <string>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace holdfast::io {

// The client's side of one TLS connection, 1.2 or newer, with no socket: bytes in, bytes out. The server's
// certificate must be valid for `host`. One thread at a time.
class TlsClient {
 public:
  // `host` is a name or an address. `ca_file` holds the certificates to trust, PEM; empty: those of the
  // system. Reads files. Errors: io.
  static Result<std::unique_ptr<TlsClient>> create(const std::string& host, const std::string& ca_file);
  ~TlsClient();

  // Begins the handshake. What has to be sent is appended to `out`, here and below.
  void start(ByteVector& out);
  // Takes what came from the server, appends what it says to `plain`. False: the connection is over, see
  // error().
  bool receive(Bytes bytes, ByteVector& plain, ByteVector& out);
  void send(Bytes plain, ByteVector& out);
  bool is_open() const;
  // For people.
  const std::string& error() const { return error_; }

 private:
  struct Session;
  explicit TlsClient(std::unique_ptr<Session> session);
  bool advance(ByteVector& plain);
  void take_output(ByteVector& out);
  bool fail(int result);

  std::unique_ptr<Session> session_;
  std::string error_;
};

}  // namespace holdfast::io
