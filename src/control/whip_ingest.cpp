#include "control/whip_ingest.hpp"

#include <utility>

#include "control/whip_source.hpp"
#include "recording/gap_watch.hpp"

namespace holdfast::control {
namespace {

std::unexpected<Error> unknown_session() {
  return fail(ErrorCode::not_found, "this WHIP session has ended");
}

}  // namespace

void WhipIngest::offer(whip::Offer offer, AnswerReply reply) {
  Recording* recording = recordings_.find_active(offer.mint_id);
  const bool is_new = recording == nullptr;
  if (is_new) {
    auto started = start_(offer.mint_id);
    if (!started) return reply(std::unexpected(std::move(started.error())));
    recording = *started;
  }
  WhipSource* source = recording->source() == nullptr ? nullptr : recording->source()->whip();
  // A publisher who lost the connection without a goodbye comes back before we can know that the former one
  // is dead.
  const bool is_heard = source != nullptr && source->connected &&
                        recording->status().since_last_packet < recording::GapWatch::gap_after;
  if (source == nullptr || (!is_new && is_heard)) {
    return reply(fail(ErrorCode::conflict, "{} is already being published or recorded; stop that first",
                      offer.mint_id));
  }
  if (!source->session_id.empty() && on_session_over) on_session_over(source->session_id);
  source->session_id = offer.session_id;
  source->connected = true;
  const auto connection = is_new ? RemoteSession::Connection::same : RemoteSession::Connection::renewed;
  recording->session().accept_offer(
      std::move(offer.sdp), connection,
      [this, id = recording->id(), is_new, reply = std::move(reply)](Result<std::string> answer) mutable {
        Recording* asked = recordings_.find(id);
        if (!answer && is_new && asked != nullptr) asked->fail(answer.error().message);
        reply(std::move(answer));
      });
}

void WhipIngest::trickle(const std::string& session_id, whip::Fragment fragment, DoneReply reply) {
  Recording* recording = recordings_.find_whip(session_id);
  if (recording == nullptr || !recording->is_active()) return reply(unknown_session());
  for (std::string& candidate : fragment.candidates)
    recording->session().add_remote_candidate(std::move(candidate));
  reply({});
}

void WhipIngest::restart_ice(const std::string& session_id, whip::Fragment fragment, IceReply reply) {
  Recording* recording = recordings_.find_whip(session_id);
  if (recording == nullptr || !recording->is_active()) return reply(unknown_session());
  peer::IceDescription remote{{fragment.ufrag, fragment.pwd}, std::move(fragment.candidates)};
  recording->session().restart_ice(
      std::move(remote),
      [fragment = std::move(fragment), reply = std::move(reply)](Result<peer::IceDescription> ours) mutable {
        if (!ours) return reply(std::unexpected(ours.error()));
        fragment.ufrag = std::move(ours->credentials.ufrag);
        fragment.pwd = std::move(ours->credentials.pwd);
        fragment.candidates = std::move(ours->candidates);
        fragment.end_of_candidates = true;
        reply(std::move(fragment));
      });
}

void WhipIngest::close(const std::string& session_id, DoneReply reply) {
  Recording* recording = recordings_.find_whip(session_id);
  if (recording == nullptr) return reply(unknown_session());
  recording->finish(journal::EndReason::stream_ended, [reply = std::move(reply)]() mutable { reply({}); });
}

void WhipIngest::handle_removed(Recording& recording) {
  const WhipSource* source = recording.source() == nullptr ? nullptr : recording.source()->whip();
  if (source != nullptr && !source->session_id.empty() && on_session_over)
    on_session_over(source->session_id);
}

}  // namespace holdfast::control
