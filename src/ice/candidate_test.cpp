#include "ice/candidate.hpp"

#include <gtest/gtest.h>

namespace holdfast::ice {
namespace {

TEST(CandidateTest, AHostCandidateIsRead) {
  const auto candidate =
      Candidate::parse("candidate:233762139 1 udp 2130706431 172.17.0.2 7882 typ host ufrag ABcd");
  ASSERT_TRUE(candidate);
  EXPECT_EQ(candidate->foundation, "233762139");
  EXPECT_EQ(candidate->priority, 2130706431u);
  EXPECT_EQ(candidate->endpoint, Endpoint::parse("172.17.0.2:7882"));
  EXPECT_EQ(candidate->type, CandidateType::host);
}

TEST(CandidateTest, OtherTypesAndIpv6AreRead) {
  const auto reflexive = Candidate::parse(
      "candidate:2 1 UDP 1694498815 192.0.2.3 45664 typ srflx raddr 10.0.1.1 rport 8998 generation 0");
  ASSERT_TRUE(reflexive);
  EXPECT_EQ(reflexive->type, CandidateType::server_reflexive);
  const auto relayed =
      Candidate::parse("candidate:3 1 udp 16777215 2001:db8::9 3478 typ relay raddr :: rport 0");
  ASSERT_TRUE(relayed);
  EXPECT_EQ(relayed->type, CandidateType::relayed);
  EXPECT_EQ(relayed->endpoint, Endpoint::parse("[2001:db8::9]:3478"));
}

TEST(CandidateTest, TheFormsOfSdpLinesAndOfJsonAreAllRead) {
  for (const char* text : {"a=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n",
                           "candidate:1 1 udp 1 192.0.2.1 9 typ host", "1 1 udp 1 192.0.2.1 9 typ host"}) {
    EXPECT_TRUE(Candidate::parse(text)) << text;
  }
}

TEST(CandidateTest, PassiveTcpIsRead) {
  for (const char* text :
       {"candidate:1 1 tcp 1671430143 192.0.2.1 7881 typ host tcptype passive",
        "candidate:1 1 TCP 1671430143 192.0.2.1 7881 typ host generation 0 tcptype passive"}) {
    const auto candidate = Candidate::parse(text);
    ASSERT_TRUE(candidate) << text;
    EXPECT_EQ(candidate->transport, Transport::tcp);
    EXPECT_EQ(candidate->endpoint, Endpoint::parse("192.0.2.1:7881"));
  }
}

TEST(CandidateTest, WhatWeCannotUseIsPassedOver) {
  for (const char* text : {
           "candidate:1 1 tcp 1671430143 192.0.2.1 9 typ host tcptype active",
           "candidate:1 1 tcp 1671430143 192.0.2.1 7881 typ host tcptype so",
           "candidate:1 1 tcp 1671430143 192.0.2.1 7881 typ host",
           "candidate:1 1 tcp 1671430143 192.0.2.1 7881 typ host generation tcptype passive 0",
           "candidate:1 1 sctp 1671430143 192.0.2.1 7881 typ host",
           "candidate:1 2 udp 2130706431 192.0.2.1 7882 typ host",
           "candidate:1 1 udp 2113937151 b1c2d3e4-0000-4000-8000-0123456789ab.local 50000 typ host",
           "candidate:1 1 udp 2113937151 192.0.2.1 0 typ host",
       }) {
    EXPECT_FALSE(Candidate::parse(text)) << text;
  }
}

TEST(CandidateTest, MalformedCandidatesAreRefused) {
  for (const char* text : {
           "",
           "candidate:",
           "a=",
           "candidate:1 1 udp",
           "candidate:1 1 udp x 192.0.2.1 9 typ host",
           "candidate:1 1 udp 1 192.0.2.1 9",
           "candidate:1 1 udp 1 192.0.2.1 9 typ",
           "candidate:1 1 udp 1 192.0.2.1 9 typ new",
           "candidate:1 1 udp 1 192.0.2.1 65536 typ host",
           "candidate:1 1 udp 1 192.0.2.1 -9 typ host",
           "candidate:1 1 udp 2147483648 192.0.2.1 9 typ host",
           "candidate:1 1 udp 0 192.0.2.1 9 typ host",
           "candidate:1 1 udp 1 192.0.2.256 9 typ host",
           "candidate:<> 1 udp 1 192.0.2.1 9 typ host",
           "candidate:123456789012345678901234567890123 1 udp 1 192.0.2.1 9 typ host",
       }) {
    EXPECT_FALSE(Candidate::parse(text)) << text;
  }
}

TEST(CandidateTest, OurOwnAreWrittenAsTheyAreRead) {
  for (const char* text : {"192.0.2.1:8000", "[2001:db8::1]:8000"}) {
    const Candidate candidate = Candidate::host(*Endpoint::parse(text), 65535);
    EXPECT_EQ(Candidate::parse(candidate.to_sdp()), candidate) << candidate.to_sdp();
    const Candidate relayed = Candidate::relayed(*Endpoint::parse(text), 65535);
    EXPECT_EQ(Candidate::parse(relayed.to_sdp()), relayed) << relayed.to_sdp();
    EXPECT_NE(relayed.foundation, candidate.foundation);
  }
}

TEST(CandidateTest, PrioritiesAreThoseOfRfc8445) {
  EXPECT_EQ(candidate_priority(CandidateType::host, 65535), 2130706431u);
  EXPECT_EQ(candidate_priority(CandidateType::peer_reflexive, 65535), 1862270975u);
  EXPECT_EQ(candidate_priority(CandidateType::server_reflexive, 65535), 1694498815u);
  EXPECT_EQ(candidate_priority(CandidateType::relayed, 65535), 16777215u);
}

TEST(CandidateTest, TcpStandsBelowWhatIsDirectAndAboveRelays) {
  const auto tcp = candidate_priority(CandidateType::host, 65535, Transport::tcp);
  EXPECT_LT(tcp, candidate_priority(CandidateType::server_reflexive, 0));
  EXPECT_GT(candidate_priority(CandidateType::server_reflexive, 0, Transport::tcp),
            candidate_priority(CandidateType::relayed, 65535));
}

TEST(CandidateTest, TheFoundationIsOneForAnAddressAndDiffersBetweenAddresses) {
  const auto foundation = [](const char* text) {
    return Candidate::host(*Endpoint::parse(text), 1).foundation;
  };
  EXPECT_EQ(foundation("192.0.2.1:1"), foundation("192.0.2.1:2"));
  EXPECT_NE(foundation("192.0.2.1:1"), foundation("192.0.2.2:1"));
}

}  // namespace
}  // namespace holdfast::ice
