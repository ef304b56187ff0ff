#include <gtest/gtest.h>

#include "turn/server.hpp"

namespace holdfast::turn {
namespace {

void expect_target(std::string_view url, LinkKind kind, std::string_view host, std::uint16_t port) {
  const auto target = parse_url(url);
  ASSERT_TRUE(target) << target.error().message;
  EXPECT_EQ(target->kind, kind) << url;
  EXPECT_EQ(target->host, host) << url;
  EXPECT_EQ(target->port, port) << url;
}

TEST(TurnUrlTest, TheFormsOfRfc7065AreRead) {
  expect_target("turn:turn.example.org", LinkKind::udp, "turn.example.org", 3478);
  expect_target("turn:turn.example.org:80?transport=tcp", LinkKind::tcp, "turn.example.org", 80);
  expect_target("turn:192.0.2.1:3478?transport=udp", LinkKind::udp, "192.0.2.1", 3478);
  expect_target("turns:turn.example.org", LinkKind::tls, "turn.example.org", 5349);
  expect_target("TURNS:turn.example.org:443?transport=tcp", LinkKind::tls, "turn.example.org", 443);
  expect_target("turn:[2001:db8::1]:3479", LinkKind::udp, "2001:db8::1", 3479);
}

TEST(TurnUrlTest, WhatIsNoRelayOfOursIsNamed) {
  for (const char* url : {"stun:stun.example.org", "turns:turn.example.org?transport=udp"}) {
    const auto target = parse_url(url);
    ASSERT_FALSE(target);
    EXPECT_EQ(target.error().code, ErrorCode::unsupported) << url;
  }
  for (const char* url : {"", "turn", "turn:", "turn:host:", "turn:host:0", "turn:host:65536", "turn:host:x",
                          "turn://host", "turn:host?transport=sctp", "turn:[::1", "turn:[host]:1",
                          "turn:[::1]1x", "http://host", "turn:us er"}) {
    const auto target = parse_url(url);
    ASSERT_FALSE(target) << url;
    EXPECT_EQ(target.error().code, ErrorCode::invalid) << url;
  }
}

}  // namespace
}  // namespace holdfast::turn
