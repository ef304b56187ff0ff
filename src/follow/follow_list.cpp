#include "follow/follow_list.hpp"

#include <algorithm>
#include <utility>

namespace holdfast::follow {
namespace {

using namespace std::chrono_literals;

constexpr std::array<std::string_view, state_count> state_names{"watching", "recording", "error"};
constexpr std::array<std::string_view, outcome_count> outcome_names{"live", "not_live", "unavailable",
                                                                    "refused"};
// Restored follows are looked at no faster than this, one after the other.
constexpr Duration restore_pace = 20ms;

}  // namespace

std::string_view to_string(State state) {
  return state_names[std::to_underlying(state)];
}
std::string_view to_string(Outcome outcome) {
  return outcome_names[std::to_underlying(outcome)];
}

FollowList::Entry* FollowList::at(std::string_view mint_id) {
  const auto found = entries_.find(mint_id);
  return found == entries_.end() ? nullptr : &found->second;
}

void FollowList::add(std::string_view mint_id, Instant now) {
  Entry entry;
  entry.follow.mint_id = mint_id;
  entry.follow.next_check = now;
  entry.haste = Haste::at_once;
  entries_.emplace(mint_id, std::move(entry));
}

void FollowList::restore(std::vector<Follow> follows, Instant now) {
  if (follows.empty()) return;
  const Duration pace =
      std::min(restore_pace, options_.interval / static_cast<Duration::rep>(follows.size()));
  for (Follow& follow : follows) {
    Entry entry;
    entry.follow = std::move(follow);
    entry.follow.next_check = now;
    now += pace;
    std::string mint_id = entry.follow.mint_id;
    entries_.emplace(std::move(mint_id), std::move(entry));
  }
}

bool FollowList::remove(std::string_view mint_id) {
  const auto found = entries_.find(mint_id);
  if (found == entries_.end()) return false;
  if (found->second.checking) --checking_;
  entries_.erase(found);
  return true;
}

Instant FollowList::deadline() const {
  Instant first = never;
  if (checking_ >= options_.most_checks) return first;
  for (const auto& [mint_id, entry] : entries_) {
    if (!entry.checking) first = std::min(first, entry.follow.next_check);
  }
  return first;
}

std::vector<FollowList::Due> FollowList::take_due(Instant now) {
  if (deadline() > now) return {};
  std::vector<Entry*> due;
  for (auto& [mint_id, entry] : entries_) {
    if (!entry.checking && entry.follow.next_check <= now + options_.together) due.push_back(&entry);
  }
  std::ranges::stable_sort(due, {}, [](const Entry* entry) { return entry->follow.next_check; });
  if (due.size() > options_.most_checks - checking_) due.resize(options_.most_checks - checking_);
  std::vector<Due> taken;
  for (Entry* entry : due) {
    entry->checking = true;
    entry->last_check = now;
    ++checking_;
    taken.push_back({entry->follow.mint_id, std::exchange(entry->haste, Haste::routine)});
  }
  return taken;
}

Decision FollowList::handle_check(std::string_view mint_id, const Check& check, Instant now) {
  Entry* entry = at(mint_id);
  if (entry == nullptr || !entry->checking) return Decision::nothing;
  entry->checking = false;
  --checking_;
  const bool again = std::exchange(entry->look_again, false);
  // Recorded meanwhile, or about to be: it is looked at again when that is over.
  if (entry->follow.next_check == never) return Decision::nothing;
  switch (check.outcome) {
    case Outcome::live:
      if (!entry->follow.held) return start(*entry);
      entry->follow.last_error.clear();
      entry->follow.state = State::watching;
      schedule(*entry, std::max(options_.interval, check.at_least), now);
      break;
    case Outcome::not_live:
      saw_it_gone(*entry);
      entry->not_before = now + check.at_least;
      schedule(*entry, std::max(options_.interval, check.at_least), now);
      break;
    case Outcome::unavailable:
    case Outcome::refused:
      back_off(*entry, check.why, check.at_least, now);
      break;
  }
  if (again) hurry(mint_id, now);
  return Decision::nothing;
}

Decision FollowList::handle_published(std::string_view mint_id) {
  Entry* entry = at(mint_id);
  if (entry == nullptr || entry->follow.held || entry->follow.next_check == never) return Decision::nothing;
  return start(*entry);
}

void FollowList::handle_gone(std::string_view mint_id) {
  Entry* entry = at(mint_id);
  if (entry != nullptr && entry->follow.state != State::recording) saw_it_gone(*entry);
}

void FollowList::hurry(std::string_view mint_id, Instant now) {
  Entry* entry = at(mint_id);
  if (entry == nullptr || entry->follow.next_check == never) return;
  if (entry->checking) {
    // The answer under way may be older than what happened.
    entry->look_again = true;
    return;
  }
  Instant soonest = std::max(now, entry->not_before);
  if (entry->last_check != Instant::min()) soonest = std::max(soonest, entry->last_check + breath);
  entry->follow.next_check = std::min(entry->follow.next_check, soonest);
  entry->haste = Haste::at_once;
}

Decision FollowList::start(Entry& entry) {
  entry.follow.next_check = never;
  return Decision::start;
}

void FollowList::handle_started(std::string_view mint_id, std::string_view recording_id) {
  Entry* entry = at(mint_id);
  if (entry == nullptr) return;
  entry->follow.state = State::recording;
  entry->follow.next_check = never;
  entry->follow.last_error.clear();
  hold(*entry, false);
  set_recording_id(*entry, recording_id);
}

void FollowList::handle_start_failed(std::string_view mint_id, std::string_view why, Instant now) {
  if (Entry* entry = at(mint_id)) back_off(*entry, why, {}, now);
}

void FollowList::handle_start_postponed(std::string_view mint_id, std::string_view why, Instant now) {
  Entry* entry = at(mint_id);
  if (entry == nullptr) return;
  entry->follow.state = State::error;
  entry->follow.last_error = why;
  schedule(*entry, options_.interval, now);
}

void FollowList::handle_over(std::string_view mint_id, EndedBy by, std::string_view recording_id,
                             std::string_view why, Instant now) {
  Entry* entry = at(mint_id);
  if (entry == nullptr) return;
  set_recording_id(*entry, recording_id);
  if (by == EndedBy::fruitless) {
    back_off(*entry, why, {}, now);
    return;
  }
  entry->failures = 0;
  entry->follow.state = State::watching;
  entry->follow.last_error.clear();
  hold(*entry, by == EndedBy::hand);
  schedule(*entry, by == EndedBy::hand ? options_.interval : std::min(options_.interval, look_again), now);
}

void FollowList::schedule(Entry& entry, Duration wait, Instant now) {
  const auto extra = std::chrono::duration<double>(wait) * jitter * random_.unit();
  entry.follow.next_check = now + wait + std::chrono::duration_cast<Duration>(extra);
}

void FollowList::back_off(Entry& entry, std::string_view why, Duration at_least, Instant now) {
  entry.follow.state = State::error;
  entry.follow.last_error = why;
  Duration wait = options_.interval;
  for (unsigned i = 0; i < entry.failures && wait < options_.longest_wait; ++i) wait *= 2;
  ++entry.failures;
  // An interval longer than that is kept.
  wait = std::max(std::min(wait, options_.longest_wait), options_.interval);
  entry.not_before = now + at_least;
  schedule(entry, std::max(wait, at_least), now);
}

void FollowList::saw_it_gone(Entry& entry) {
  entry.failures = 0;
  entry.follow.state = State::watching;
  entry.follow.last_error.clear();
  hold(entry, false);
}

void FollowList::hold(Entry& entry, bool held) {
  if (entry.follow.held == held) return;
  entry.follow.held = held;
  ++revision_;
}

void FollowList::set_recording_id(Entry& entry, std::string_view recording_id) {
  if (recording_id.empty() || entry.follow.last_recording_id == recording_id) return;
  entry.follow.last_recording_id = recording_id;
  ++revision_;
}

std::vector<Follow> FollowList::list() const {
  std::vector<Follow> all;
  for (const auto& [mint_id, entry] : entries_) all.push_back(entry.follow);
  return all;
}

std::optional<Follow> FollowList::find(std::string_view mint_id) const {
  const auto found = entries_.find(mint_id);
  return found == entries_.end() ? std::nullopt : std::optional(found->second.follow);
}

std::array<std::size_t, state_count> FollowList::states() const {
  std::array<std::size_t, state_count> counts{};
  for (const auto& [mint_id, entry] : entries_) ++counts[std::to_underlying(entry.follow.state)];
  return counts;
}

}  // namespace holdfast::follow
