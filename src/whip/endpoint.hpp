#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/http_exchange.hpp"
#include "base/random.hpp"
#include "whip/ingest.hpp"

namespace holdfast::whip {

// WHIP over HTTP (RFC 9725): POST makes a session, PATCH trickles candidates to it, DELETE ends it. Values
// in, values out, no sockets; control thread. Who may come in (tokens, origins, CORS) is decided before, by
// api::Guard; the mint id has been checked by api::Router.
//
// A PATCH with If-Match: * restarts ICE (section 4.3.2): the session has another ETag then.
class Endpoint {
 public:
  static constexpr std::size_t max_offer_bytes = 256 << 10;
  static constexpr std::size_t max_fragment_bytes = 64 << 10;

  // Both outlive the endpoint, and the endpoint outlives every reply. `random` must be fit for secrets: a
  // session's URL is all that is needed to end it.
  Endpoint(Ingest& ingest, Random& random) : ingest_(ingest), random_(random) {}

  // The request went to /whip/{mint_id} (`session_id` empty) or to /whip/{mint_id}/{session_id}.
  void handle(std::string_view mint_id, std::string_view session_id, const IncomingRequest& request,
              HttpReply reply);

  // The session is over without a DELETE: its URL answers 404 from now on.
  void forget(std::string_view session_id);
  std::size_t sessions() const { return sessions_.size(); }

 private:
  struct Session {
    std::string mint_id;
    std::string etag;   // names the ICE session (section 4.3.1), quotes included
    std::string ufrag;  // of the client: a fragment with another one is an ICE restart
  };

  void handle_offer(std::string_view mint_id, const IncomingRequest& request, HttpReply reply);
  void handle_patch(const std::string& session_id, const Session& session, const IncomingRequest& request,
                    HttpReply reply);
  void handle_restart(const std::string& session_id, Fragment fragment, HttpReply reply);
  void handle_delete(const std::string& session_id, HttpReply reply);
  std::string make_id();

  Ingest& ingest_;
  Random& random_;
  std::map<std::string, Session, std::less<>> sessions_;
};

}  // namespace holdfast::whip
