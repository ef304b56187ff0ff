#include "rtp/ledger.hpp"

#include <gtest/gtest.h>

namespace holdfast::rtp {
namespace {

TEST(LedgerTest, EveryExpectedPacketIsInOnePlace) {
  Ledger ledger;
  ledger.expect(10);
  EXPECT_EQ(ledger.pending(), 10u);
  ledger.write(5);
  ledger.lose(2);
  ledger.drop(DropCause::incomplete, 1);
  ledger.drop(DropCause::disk, 1);
  EXPECT_EQ(ledger.pending(), 1u);
  EXPECT_EQ(ledger.dropped(), 2u);
  EXPECT_EQ(ledger.dropped(DropCause::disk), 1u);
  EXPECT_TRUE(ledger.check());
}

TEST(LedgerTest, SettlingAPacketTwiceIsFoundForGood) {
  Ledger ledger;
  ledger.expect(1);
  ledger.write(1);
  ledger.lose(1);
  ledger.expect(1);
  EXPECT_FALSE(ledger.check());
}

TEST(LedgerTest, WhatIsBesideTheSumDoesNotChangeIt) {
  Ledger ledger;
  ledger.expect(1);
  ledger.add_recovered(Recovery::rtx);
  ledger.add_duplicate();
  ledger.add_late();
  EXPECT_EQ(ledger.pending(), 1u);
  EXPECT_TRUE(ledger.check());
}

}  // namespace
}  // namespace holdfast::rtp
