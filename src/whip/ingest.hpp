#pragma once

#include <functional>
#include <string>

#include "base/result.hpp"
#include "whip/fragment.hpp"

namespace holdfast::whip {

struct Offer {
  std::string session_id;  // ours to name the session by from now on
  std::string mint_id;     // valid
  std::string sdp;         // not yet parsed
};

// Who takes the media: implemented by the service, on the control thread. Replies come once, on the same
// thread, at once or later.
class Ingest {
 public:
  using AnswerReply = std::move_only_function<void(Result<std::string>)>;
  using DoneReply = std::move_only_function<void(Result<void>)>;
  virtual ~Ingest() = default;

  // Makes the stream live; the reply is the SDP answer, all our candidates in it. Errors: invalid (no usable
  // offer), conflict (that mint id is being published or recorded already), unsupported (no codec we take),
  // unavailable.
  virtual void offer(Offer offer, AnswerReply reply) = 0;
  // Candidates that came later.
  virtual void trickle(const std::string& session_id, Fragment fragment, DoneReply reply) = 0;
  // The publisher restarts ICE with the fragment's credentials; the reply has ours. Errors: not_found,
  // invalid.
  using IceReply = std::move_only_function<void(Result<Fragment>)>;
  virtual void restart_ice(const std::string& session_id, Fragment fragment, IceReply reply) = 0;
  // The publisher says goodbye. The reply may wait until the file is whole.
  virtual void close(const std::string& session_id, DoneReply reply) = 0;
};

}  // namespace holdfast::whip
