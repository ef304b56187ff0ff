// What the peer asks of the agent, and what it answers.
#include <algorithm>

#include "ice/agent.hpp"

namespace holdfast::ice {

std::optional<std::string_view> requested_ufrag(Bytes datagram) {
  const auto message = stun::parse(datagram);
  if (!message || message->type != stun::Class::request || !message->username) return std::nullopt;
  const auto colon = message->username->find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  return message->username->substr(0, colon);
}

// RFC 8445 section 7.3. What is not authentic is not answered: RFC 8489 section 9.1.3 would have it told so,
// which helps only those who probe, and those whose address it is not.
bool Agent::handle_request(Instant now, const Endpoint& from, const stun::Message& request, Outbox& out,
                           const Base& base) {
  const Path path{from, base.outbox};
  if (!is_for_us(request) || !stun::is_authentic(request, local_.pwd)) {
    ++counters_.unauthenticated;
    return false;
  }
  ++counters_.requests_received;
  note_heard(now, path);

  stun::Message response;
  response.transaction = request.transaction;
  response.type = stun::Class::error;
  if (!request.not_understood.empty()) {
    response.error = {stun::unknown_attribute, "Unknown Attribute"};
    response.unknown_to_peer = request.not_understood;
  } else if (!resolve_conflict(now, request)) {
    response.error = {stun::role_conflict, "Role Conflict"};
  } else {
    response.type = stun::Class::success;
    response.mapped = from;
  }
  path.outbox(out).send(from, stun::serialize(response, local_.pwd));
  if (response.error) {
    ++counters_.refused;
  } else {
    learn(now, from, base, request);
  }
  return true;
}

// The peer was heard, which says something of the selected path only if it was heard there.
void Agent::note_heard(Instant now, const Path& path) {
  if (!selected_ || *selected_ == path) handle_activity(now);
}

bool Agent::is_for_us(const stun::Message& request) const {
  return request.username && request.username->size() > local_.ufrag.size() &&
         request.username->starts_with(local_.ufrag) && (*request.username)[local_.ufrag.size()] == ':';
}

// RFC 8445 section 7.3.1.1: the greater tie-breaker controls. False if it is the peer that must change.
bool Agent::resolve_conflict(Instant now, const stun::Message& request) {
  const auto& theirs = role_ == Role::controlling ? request.controlling : request.controlled;
  if (!theirs) return true;
  ++counters_.role_conflicts;
  const bool we_control = tie_breaker_ >= *theirs;
  if (we_control == (role_ == Role::controlling)) return false;
  switch_role(now);
  return true;
}

// What an authentic request tells: an address of the peer's, that it may reach us, and perhaps that it chose
// this pair.
void Agent::learn(Instant now, const Endpoint& from, const Base& base, const stun::Message& request) {
  Pair* pair = find(Path{from, base.outbox});
  if (pair == nullptr) {
    pair = add_pair(now, from, base, request.priority.value_or(0));
    if (pair == nullptr) return;
    pair->is_learnt = true;
  }
  if (request.use_candidate && role_ == Role::controlled) pair->is_nominated = true;
  if (pair->is_valid) {
    if (request.use_candidate) select_if_nominated(now, *pair);
  } else if (remote_ && now - pair->last_sent >= config_.pacing) {
    pair->next_send = overdue;  // a triggered check, RFC 8445 section 7.3.1.4
  }
}

// RFC 8445 section 7.2.5.
bool Agent::handle_response(Instant now, const Path& path, const stun::Message& response) {
  Pair* pair = find(path);  // section 7.2.5.2.1: it must come from where we asked
  const Check::Copy* copy = nullptr;
  if (pair != nullptr && pair->check) {
    const auto& copies = pair->check->copies;
    const auto end =
        copies.begin() + static_cast<std::ptrdiff_t>(std::min(pair->check->copies_sent, copies.size()));
    const auto found =
        std::ranges::find(copies.begin(), end, response.transaction, &Check::Copy::transaction);
    if (found != end) copy = &*found;
  }
  if (copy == nullptr) {
    ++counters_.unmatched;
    return false;
  }
  if (!stun::is_authentic(response, remote_->pwd)) {
    ++counters_.unauthenticated;
    return false;
  }
  ++counters_.responses_received;
  note_heard(now, path);
  const Duration round_trip = now - copy->sent;
  pair->check.reset();
  if (response.type == stun::Class::success && response.not_understood.empty()) {
    handle_success(now, *pair, round_trip);
  } else {
    handle_refusal(now, *pair, response);
  }
  return true;
}

void Agent::handle_success(Instant now, Pair& pair, Duration round_trip) {
  pair.round_trip = pair.round_trip ? (*pair.round_trip * 7 + round_trip) / 8 : round_trip;
  pair.is_valid = true;
  first_valid_at_ = std::min(first_valid_at_, now);
  if (pair.use == Use::selected) {
    give_up_at_ = now + config_.consent_timeout;
    pair.next_send = consent_due_;
    return;
  }
  pair.next_send = never;
  if (pair.use == Use::nominee) select(now, pair);
  if (pair.is_nominated) select_if_nominated(now, pair);
}

// A refused check is made again when its time has come, as an unanswered one is.
void Agent::handle_refusal(Instant now, Pair& pair, const stun::Message& response) {
  ++counters_.refused;
  if (pair.use == Use::selected) pair.next_send = consent_due_;
  const bool conflict = response.error && response.error->number == stun::role_conflict;
  if (!conflict || remote_kind_ == RemoteKind::lite) return;
  ++counters_.role_conflicts;
  tie_breaker_ = random_.next_u64();  // RFC 8445 section 7.2.5.1
  switch_role(now);
  pair.next_send = overdue;
}

}  // namespace holdfast::ice
