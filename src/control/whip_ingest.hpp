#pragma once

#include <functional>
#include <string>

#include "control/recordings.hpp"
#include "whip/ingest.hpp"

namespace holdfast::control {

// What WHIP publishers bring. Control thread.
class WhipIngest final : public whip::Ingest {
 public:
  // Begins a recording of a stream that is published by WHIP. Errors: as the control plane's start().
  using Start = std::function<Result<Recording*>(const std::string& mint_id)>;

  // Both outlive it.
  WhipIngest(Recordings& recordings, Start start) : recordings_(recordings), start_(std::move(start)) {}

  void offer(whip::Offer offer, AnswerReply reply) override;
  void trickle(const std::string& session_id, whip::Fragment fragment, DoneReply reply) override;
  void restart_ice(const std::string& session_id, whip::Fragment fragment, IceReply reply) override;
  void close(const std::string& session_id, DoneReply reply) override;

  // Called for each WHIP session that ended without a DELETE.
  std::function<void(const std::string& session_id)> on_session_over;
  void handle_removed(Recording& recording);

 private:
  Recordings& recordings_;
  const Start start_;
};

}  // namespace holdfast::control
