#include "livekit/roster.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "livekit/signal.pb.h"

namespace holdfast::livekit {
namespace {

wire::Participant publisher(const std::string& identity, std::int64_t joined_at_ms = 0) {
  wire::Participant info;
  info.set_identity(identity);
  info.set_sid("PA_" + identity);
  info.set_state(wire::Participant::ACTIVE);
  info.set_joined_at_ms(joined_at_ms);
  wire::Track& track = *info.add_tracks();
  track.set_sid("TR_" + identity);
  track.set_type(wire::Track::VIDEO);
  track.set_mime_type("video/VP8");
  return info;
}

class RosterTest : public testing::Test {
 protected:
  Roster roster_;
};

TEST_F(RosterTest, KeepsPublishersInTheOrderInWhichTheyJoined) {
  for (const auto& [identity, joined] : {std::pair("b", 20), std::pair("a", 10), std::pair("c", 20)}) {
    EXPECT_EQ(roster_.apply(publisher(identity, joined)), Roster::Change::updated);
  }
  std::string order;
  for (const Publisher& one : roster_.publishers()) order += one.identity;
  EXPECT_EQ(order, "abc");
}

TEST_F(RosterTest, KeepsNothingOfViewers) {
  wire::Participant viewer = publisher("viewer");
  viewer.clear_tracks();
  EXPECT_EQ(roster_.apply(viewer), Roster::Change::none);
  EXPECT_TRUE(roster_.publishers().empty());
}

TEST_F(RosterTest, IsBounded) {
  for (std::size_t i = 0; i < Roster::max_participants + 10; ++i)
    roster_.apply(publisher(fmt::format("p{}", i)));
  EXPECT_EQ(roster_.publishers().size(), Roster::max_participants);
}

TEST_F(RosterTest, WhatTheServerRefusedStaysRefusedUntilTheTrackIsGone) {
  roster_.apply(publisher("a"));
  roster_.refuse("TR_a", "because");
  roster_.apply(publisher("a"));
  EXPECT_EQ(roster_.find_track("TR_a")->refusal, "video track TR_a (unknown) of a: because");
  wire::Participant without = publisher("a");
  without.clear_tracks();
  roster_.apply(without);
  roster_.apply(publisher("a"));
  EXPECT_TRUE(roster_.find_track("TR_a")->can_record());
}

TEST_F(RosterTest, ATrackRefusedByOurOwnRulesIsNotAllowedByTheServer) {
  wire::Participant info = publisher("a");
  info.mutable_tracks(0)->set_mime_type("video/AV1");
  roster_.apply(info);
  roster_.allow("TR_a");
  EXPECT_FALSE(roster_.find_track("TR_a")->can_record());
}

}  // namespace
}  // namespace holdfast::livekit
