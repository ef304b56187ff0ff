#pragma once

#include <string>

#include "recording/session_test.hpp"
#include "sim/sim_forwarder.hpp"

namespace holdfast::recording {

// A recording from a simulated LiveKit server.
class ForwarderTest : public SessionTest {
 protected:
  // With the tracks that the server has.
  void connect() {
    const auto answer = session().accept_offer(clock.both(), server_.offer());
    ASSERT_TRUE(answer.has_value()) << answer.error().message;
    answer_ = *answer;
    ASSERT_TRUE(server_.accept_answer(*answer).has_value());
    ASSERT_TRUE(clock.run_until([&] { return server_.state() == peer::State::connected; }, 5s));
    run_for(50ms);
  }

  sim::SimForwarder server_{clock, net, studio_at, seed};
  std::string answer_;
};

}  // namespace holdfast::recording
