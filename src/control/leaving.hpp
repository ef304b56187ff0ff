#pragma once

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "control/environment.hpp"
#include "livekit/room.hpp"

namespace holdfast::control {

// Those who have said goodbye to their room, until the goodbye is out: a server that hears us leave need not
// wait for our silence. Control thread.
template <typename Member>
class Leaving {
 public:
  // `environment` outlives it.
  explicit Leaving(const Environment& environment) : environment_(environment) {}

  void keep(std::unique_ptr<Member> member) {
    all_.push_back(std::make_unique<One>(environment_.timers, std::move(member)));
    One* one = all_.back().get();
    one->timer.start(environment_.clock.read().instant + 2 * livekit::Room::leave_timeout, [this, one] {
      std::erase_if(all_, [&](const auto& each) { return each.get() == one; });
    });
  }

 private:
  struct One {
    One(Timers& timers, std::unique_ptr<Member> gone) : member(std::move(gone)), timer(timers) {}
    std::unique_ptr<Member> member;
    Timer timer;
  };

  const Environment& environment_;
  std::vector<std::unique_ptr<One>> all_;
};

}  // namespace holdfast::control
