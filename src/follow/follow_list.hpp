#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.hpp"
#include "base/time.hpp"

namespace holdfast::follow {

enum class State : std::uint8_t {
  watching,   // looked at now and then
  recording,  // not looked at: its recording tells when it is over
  error,      // as watching, but the last look, start or recording came to nothing
};
inline constexpr std::size_t state_count = 3;
std::string_view to_string(State state);

// What a look at a stream gave.
enum class Outcome : std::uint8_t { live, not_live, unavailable, refused };
inline constexpr std::size_t outcome_count = 4;
std::string_view to_string(Outcome outcome);

struct Check {
  Outcome outcome = Outcome::not_live;
  Duration at_least{};   // the other side asked to be left alone for so long
  std::string why = {};  // of unavailable and refused, for people
};

// How a recording of a followed stream ended.
enum class EndedBy : std::uint8_t {
  itself,    // the stream ended, or fell silent for too long
  hand,      // stop was asked for
  fruitless  // it failed, or recorded nothing
};

// Routine looks may share one question to the server; at once: somebody waits for it.
enum class Haste : std::uint8_t { routine, at_once };

enum class Decision : std::uint8_t { nothing, start };

// One followed stream.
struct Follow {
  std::string mint_id;
  State state = State::watching;
  // Its last recording was stopped by hand: it is not started again before the stream was seen not live.
  bool held = false;
  std::string last_error = {};
  std::string last_recording_id = {};
  Instant next_check = never;
};

// Which streams are followed, and when to look whether one is live. Knows neither how to look nor how to
// record: it is told what came of it. Pure; one thread.
//
// Looks are `interval` apart and jittered, so that many follows spread over it by themselves. Trouble doubles
// the wait each time, up to longest_wait; a Retry-After is honoured beyond that.
class FollowList {
 public:
  struct Options {
    Duration interval = std::chrono::seconds(15);
    Duration longest_wait = std::chrono::minutes(2);
    // Looks under way at one time; the others wait their turn.
    std::size_t most_checks = 50;
    // A look that is due takes along those that would be so soon: for servers that answer for many at once.
    Duration together{};
  };
  // A wait is longer by a random share of up to this.
  static constexpr double jitter = 0.2;
  // After a recording ended by itself, the stream may be back soon.
  static constexpr Duration look_again = std::chrono::seconds(2);
  // Looks in haste at one stream are no closer together: a full house makes many webhooks.
  static constexpr Duration breath = std::chrono::seconds(1);

  struct Due {
    std::string mint_id;
    Haste haste;
  };

  // `random` outlives the list.
  FollowList(Options options, Random& random) : options_(options), random_(random) {}

  // Follows one more, to be looked at once. It must not be there already.
  void add(std::string_view mint_id, Instant now);
  // Follows those of an earlier run: looked at one after the other, within one interval.
  void restore(std::vector<Follow> follows, Instant now);
  // What is under way for it is forgotten. False: it was not there.
  bool remove(std::string_view mint_id);
  bool contains(std::string_view mint_id) const { return entries_.contains(mint_id); }
  std::size_t size() const { return entries_.size(); }

  // When take_due() will next give something.
  Instant deadline() const;
  // Those to be looked at now, the longest due first. Each is to be followed by a handle_check().
  std::vector<Due> take_due(Instant now);

  // What follows tells of one stream; of one that is not followed, it is ignored. After Decision::start
  // one of handle_started(), handle_start_failed() and handle_start_postponed() must follow.
  Decision handle_check(std::string_view mint_id, const Check& check, Instant now);
  // It was told, not asked, that somebody publishes there.
  Decision handle_published(std::string_view mint_id);
  // It was told that the stream is over.
  void handle_gone(std::string_view mint_id);
  // Something happened there: look as soon as may be.
  void hurry(std::string_view mint_id, Instant now);
  // It is being recorded, whoever started that.
  void handle_started(std::string_view mint_id, std::string_view recording_id);
  void handle_start_failed(std::string_view mint_id, std::string_view why, Instant now);
  // We cannot record it at present, for reasons of our own: it is tried again at the next look.
  void handle_start_postponed(std::string_view mint_id, std::string_view why, Instant now);
  // Its recording, the last one that ran, has ended.
  void handle_over(std::string_view mint_id, EndedBy by, std::string_view recording_id, std::string_view why,
                   Instant now);

  // By mint id.
  std::vector<Follow> list() const;
  std::optional<Follow> find(std::string_view mint_id) const;
  std::array<std::size_t, state_count> states() const;
  // Changes with every change of what is worth keeping over a restart: `held`, `last_recording_id`.
  std::uint64_t revision() const { return revision_; }

 private:
  struct Entry {
    Follow follow;
    bool checking = false;
    bool look_again = false;  // hurry() came while checking
    Haste haste = Haste::routine;
    unsigned failures = 0;  // in a row
    Instant last_check = Instant::min();
    Instant not_before = Instant::min();  // by Retry-After
  };
  using Entries = std::map<std::string, Entry, std::less<>>;

  Entry* at(std::string_view mint_id);
  void schedule(Entry& entry, Duration wait, Instant now);
  void back_off(Entry& entry, std::string_view why, Duration at_least, Instant now);
  Decision start(Entry& entry);
  void hold(Entry& entry, bool held);
  void saw_it_gone(Entry& entry);
  void set_recording_id(Entry& entry, std::string_view recording_id);

  const Options options_;
  Random& random_;
  Entries entries_;
  std::size_t checking_ = 0;
  std::uint64_t revision_ = 0;
};

}  // namespace holdfast::follow
