#include "ice/agent.hpp"

#include <algorithm>
#include <cstdlib>

namespace holdfast::ice {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t ufrag_length = 8;  // 48 bits; RFC 8445 section 5.3 asks for 24
constexpr std::size_t pwd_length = 24;   // 144 bits; RFC 8445 section 5.3 asks for 128
// So many checks may leave at once after a rest: the first ones wait for nobody.
constexpr int pacing_burst = 5;
// Peers from before RFC 8445 nominate every pair that works ("aggressive"), and mean the best of them. So a
// nomination outranks that of a better pair only when the latter has not been repeated for this long.
constexpr Duration nomination_hold = 3s;

Credentials make_credentials(Random& random) {
  return {random.ice_string(ufrag_length), random.ice_string(pwd_length)};
}

}  // namespace

Agent::Agent(const Config& config, Random& random)
    : config_(config),
      random_(random),
      role_(config.role),
      tie_breaker_(random.next_u64()),
      local_(make_credentials(random)) {}

Result<void> Credentials::check() const {
  const bool valid = ufrag.size() >= 4 && ufrag.size() <= 256 && pwd.size() >= 22 && pwd.size() <= 256;
  if (valid) return {};
  return fail(ErrorCode::invalid,
              "the peer's ICE user fragment has {} characters and its password {}; 4 to 256 "
              "and 22 to 256 are allowed (RFC 8839 section 5.4)",
              ufrag.size(), pwd.size());
}

Result<void> Agent::set_remote(Instant now, const Credentials& credentials, RemoteKind kind) {
  if (auto valid = credentials.check(); !valid) return valid;
  if (remote_ == credentials) return {};
  remote_ = credentials;
  remote_kind_ = kind;
  give_up_at_ = now + config_.connect_timeout;
  if (kind == RemoteKind::lite && role_ == Role::controlled) switch_role(now);
  start_checking(now);
  plan();
  return {};
}

void Agent::add_remote_candidate(Instant now, const Candidate& candidate, const Base& base) {
  Pair* pair = find(Path{candidate.endpoint, base.outbox});
  if (pair == nullptr) pair = add_pair(now, candidate.endpoint, base, candidate.priority);
  if (pair == nullptr) return;
  pair->remote_priority = candidate.priority;  // what is signalled counts more than what was learnt
  pair->is_learnt = false;
  plan();
}

void Agent::remove_base(Instant now, const Outbox& base) {
  std::erase_if(pairs_, [&](const Pair& pair) { return pair.path.base == &base; });
  if (selected_ && selected_->base == &base) {
    selected_.reset();
    // Before and during a restart there is nothing to lose but the former path.
    if (state_ == State::connected || state_ == State::disconnected) {
      const bool looking_already = state_ == State::disconnected && !pairs_.empty();
      if (has_valid_pair() || looking_already) {
        state_ = State::checking;
        // Controlled, we can only hope that the peer has seen it too.
        give_up_at_ =
            now + (role_ == Role::controlling ? config_.connect_timeout : config_.disconnected_after);
        check_all_again(now);
      } else {
        give_up();
      }
    }
  }
  plan();
}

void Agent::restart(Instant now) {
  local_ = make_credentials(random_);
  remote_.reset();
  pairs_.clear();
  state_ = State::waiting;
  first_valid_at_ = never;
  give_up_at_ = now + config_.connect_timeout;
  plan();
}

bool Agent::handle_stun(Instant now, const Endpoint& from, Bytes datagram, Outbox& out, const Base& base) {
  if (state_ == State::failed) return false;
  const auto message = stun::parse(datagram);
  bool is_authentic = false;
  if (!message) {
    ++counters_.malformed;
  } else if (message->type == stun::Class::request) {
    is_authentic = handle_request(now, from, *message, out, base);
  } else if (message->type != stun::Class::indication) {  // which keep a NAT open, and ask for nothing
    is_authentic = handle_response(now, Path{from, base.outbox}, *message);
  }
  if (is_authentic) handle_timeout(now, out);
  return is_authentic;
}

void Agent::handle_timeout(Instant now, Outbox& out) {
  if (now >= give_up_at_) give_up();
  if (state_ == State::connected && now - last_heard_ >= config_.disconnected_after) {
    state_ = State::disconnected;
    check_all_again(now);
  }
  if (nomination_is_open()) nominate(now);
  send_due_checks(now, out);
  plan();
}

std::optional<Duration> Agent::round_trip() const {
  const auto pair = std::ranges::find(pairs_, Use::selected, &Pair::use);
  return pair == pairs_.end() ? std::nullopt : pair->round_trip;
}

bool Agent::has_valid_pair() const {
  return std::ranges::any_of(pairs_, &Pair::is_valid);
}

// --- pairs ---

// RFC 8445 section 6.1.2.3.
std::uint64_t Agent::priority(const Pair& pair) const {
  const bool we_control = role_ == Role::controlling;
  const std::uint64_t controlling = we_control ? pair.base.priority : pair.remote_priority;
  const std::uint64_t controlled = we_control ? pair.remote_priority : pair.base.priority;
  return (std::min(controlling, controlled) << 32) + 2 * std::max(controlling, controlled) +
         (controlling > controlled ? 1 : 0);
}

Agent::Pair* Agent::find(const Path& path) {
  const auto pair = std::ranges::find(pairs_, path, &Pair::path);
  return pair == pairs_.end() ? nullptr : &*pair;
}

Agent::Pair* Agent::find(Use use) {
  const auto pair = std::ranges::find(pairs_, use, &Pair::use);
  return pair == pairs_.end() ? nullptr : &*pair;
}

// nullptr if there is no room. The oldest pair that was only learnt makes room: a peer may change its address
// all day.
Agent::Pair* Agent::add_pair(Instant now, const Endpoint& remote, const Base& base, std::uint32_t priority) {
  if (pairs_.size() >= max_pairs) {
    ++counters_.candidates_dropped;
    const auto spare = std::ranges::find_if(
        pairs_, [](const Pair& pair) { return pair.is_learnt && pair.use == Use::candidate; });
    if (spare == pairs_.end()) return nullptr;
    pairs_.erase(spare);
  }
  Pair& pair = pairs_.emplace_back();
  pair.path = {remote, base.outbox};
  pair.base = base;
  pair.remote_priority = priority;
  if (is_searching()) pair.next_send = now;
  start_checking(now);
  return &pair;
}

void Agent::start_checking(Instant now) {
  if (state_ != State::waiting || !remote_ || pairs_.empty()) return;
  state_ = State::checking;
  for (Pair& pair : pairs_) pair.next_send = now;
}

// The selected path is silent, or gone: does another one work? What worked once does not count.
void Agent::check_all_again(Instant now) {
  first_valid_at_ = never;
  for (Pair& pair : pairs_) {
    pair.is_valid = false;
    if (pair.use == Use::selected) continue;  // its consent checks go on
    pair.use = Use::candidate;
    pair.check.reset();
    pair.next_send = now;
  }
}

void Agent::switch_role(Instant now) {
  role_ = role_ == Role::controlling ? Role::controlled : Role::controlling;
  for (Pair& pair : pairs_) {
    pair.check.reset();  // it named the former role
    pair.is_nominated = false;
    if (pair.use == Use::nominee) pair.use = Use::candidate;
    if (state_ == State::checking && !pair.is_valid) pair.next_send = std::min(pair.next_send, now);
  }
}

// Whether we, controlling, have a pair that works and none chosen that does.
bool Agent::nomination_is_open() const {
  return role_ == Role::controlling && is_searching() && has_valid_pair() &&
         std::ranges::find(pairs_, Use::nominee, &Pair::use) == pairs_.end();
}

// Regular nomination (RFC 8445 section 8.1.1): the best pair that works, once no better one is likely to.
void Agent::nominate(Instant now) {
  Pair* best = nullptr;
  std::uint64_t best_awaited = 0;
  for (Pair& pair : pairs_) {
    if (!pair.is_valid) best_awaited = std::max(best_awaited, priority(pair));
    if (pair.is_valid && (best == nullptr || priority(pair) > priority(*best))) best = &pair;
  }
  if (best == nullptr) std::abort();  // nomination is open: there is a pair that works
  if (best_awaited > priority(*best) && now < first_valid_at_ + config_.nomination_wait) return;
  best->use = Use::nominee;
  best->next_send = overdue;
}

// Controlled: the peer chose this pair, and it works.
void Agent::select_if_nominated(Instant now, Pair& pair) {
  if (role_ != Role::controlled) return;
  const Pair* current = find(Use::selected);
  if (current == &pair) {
    nominated_at_ = now;
  } else if (current == nullptr || priority(pair) >= priority(*current) ||
             now - nominated_at_ >= nomination_hold) {
    select(now, pair);
  }
}

// The other pairs rest from now on (RFC 8445 section 8.1.2); the peer's requests wake them.
void Agent::select(Instant now, Pair& pair) {
  for (Pair& other : pairs_) {
    other.use = Use::candidate;
    other.next_send = never;
    other.check.reset();
  }
  pair.use = Use::selected;
  pair.next_send = consent_due_ = now + consent_interval();
  selected_ = pair.path;
  state_ = State::connected;
  last_heard_ = now;
  nominated_at_ = now;
  give_up_at_ = now + config_.consent_timeout;
}

// The selected path is heard again: no other is looked for.
void Agent::reconnect() {
  state_ = State::connected;
  for (Pair& pair : pairs_) {
    if (pair.use == Use::selected) continue;
    pair.use = Use::candidate;
    pair.next_send = never;
  }
  plan();
}

void Agent::give_up() {
  state_ = State::failed;
  selected_.reset();
  pairs_.clear();
}

// --- sending and time ---

void Agent::send_due_checks(Instant now, Outbox& out) {
  for (Pair* pair = next_to_send(); pair != nullptr && pair->next_send <= now && pacing_allows_at() <= now;
       pair = next_to_send()) {
    send_check(now, *pair, out);
    paced_until_ = std::max(paced_until_, now) + config_.pacing;
  }
}

// The pair that has waited longest, the best one of several.
Agent::Pair* Agent::next_to_send() {
  const auto pair = std::ranges::min_element(pairs_, [this](const Pair& a, const Pair& b) {
    return a.next_send != b.next_send ? a.next_send < b.next_send : priority(a) > priority(b);
  });
  return pair == pairs_.end() || pair->next_send == never ? nullptr : &*pair;
}

Instant Agent::pacing_allows_at() const {
  return paced_until_ - (pacing_burst - 1) * config_.pacing;
}

// Sends a new check, or the one under way once more.
void Agent::send_check(Instant now, Pair& pair, Outbox& out) {
  const bool is_selected = pair.use == Use::selected;
  if (is_selected && now >= consent_due_) {
    if (pair.check) pair.check->next_interval = config_.retransmit_first;
    consent_due_ = now + consent_interval();
  }
  if (!pair.check) pair.check = Check{.next_interval = config_.retransmit_first};
  Check& check = *pair.check;
  Check::Copy& copy = check.copies[check.copies_sent++ % check.copies.size()];
  random_.fill(copy.transaction);
  copy.sent = now;
  pair.last_sent = now;
  pair.next_send = now + check.next_interval;
  check.next_interval = std::min(check.next_interval * 2, config_.retransmit_most);
  if (is_selected) {
    pair.next_send = std::min(pair.next_send, consent_due_);
  } else if (!is_searching()) {
    pair.next_send = never;  // the peer's next request repeats it
  }

  const std::string username = remote_->ufrag + ":" + local_.ufrag;
  stun::Message request;
  request.transaction = copy.transaction;
  request.username = username;
  request.priority = pair.base.check_priority;
  (role_ == Role::controlling ? request.controlling : request.controlled) = tie_breaker_;
  // Also in consent checks: when our own address has changed, a lite peer follows only a nomination.
  request.use_candidate = role_ == Role::controlling && pair.use != Use::candidate;
  pair.path.outbox(out).send(pair.path.remote, stun::serialize(request, remote_->pwd));
  ++counters_.checks_sent;
}

// Randomized by RFC 7675 section 5.1, so that checks of many sessions do not march in step.
Duration Agent::consent_interval() {
  return std::chrono::duration_cast<Duration>(config_.consent_interval * (0.8 + 0.4 * random_.unit()));
}

void Agent::plan() {
  deadline_ = give_up_at_;
  if (state_ == State::failed) deadline_ = never;
  if (state_ == State::connected) deadline_ = std::min(deadline_, last_heard_ + config_.disconnected_after);
  if (nomination_is_open()) deadline_ = std::min(deadline_, first_valid_at_ + config_.nomination_wait);
  if (const Pair* pair = next_to_send())
    deadline_ = std::min(deadline_, std::max(pair->next_send, pacing_allows_at()));
}

}  // namespace holdfast::ice
