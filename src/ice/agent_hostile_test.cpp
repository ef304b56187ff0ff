#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>
#include <string>

#include "ice/agent_test.hpp"

namespace holdfast::ice {
namespace {

using namespace std::chrono_literals;

// --- hostile input ---

TEST_F(AgentTest, UnauthenticatedRequestsAreNotAnsweredAndChangeNothing) {
  connect();
  const stun::Message good = request_of_theirs();
  stun::Message stranger = good;
  stranger.username = "somebody:else";
  stun::Message anonymous = good;
  anonymous.username.reset();
  stun::Message prefix = good;
  prefix.username = us_.agent.local_credentials().ufrag;  // without a colon
  EXPECT_FALSE(give_us("203.0.113.9:9", stun::serialize(good, "not the password")));
  EXPECT_FALSE(give_us("203.0.113.9:9", signed_for_us(stranger)));
  EXPECT_FALSE(give_us("203.0.113.9:9", signed_for_us(anonymous)));
  EXPECT_FALSE(give_us("203.0.113.9:9", signed_for_us(prefix)));
  EXPECT_EQ(us_.agent.counters().unauthenticated, 4u);
  EXPECT_EQ(discard_.datagrams, 0);
  EXPECT_TRUE(world_.are_connected());
}

TEST_F(AgentTest, AResponseMustComeFromWhereWeAskedAndBeSigned) {
  world_.exchange_credentials();
  us_.learn_candidate(them_);
  ByteVector request_bytes;
  world_.net.attach(them_.at, [&](const Endpoint&, Bytes datagram) {
    request_bytes.assign(datagram.begin(), datagram.end());
  });
  world_.clock.run_for(50ms);
  const auto request = stun::parse(request_bytes);
  ASSERT_TRUE(request);
  stun::Message response;
  response.type = stun::Class::success;
  response.transaction = request->transaction;
  const std::string& pwd = them_.agent.local_credentials().pwd;

  EXPECT_FALSE(give_us("203.0.113.9:9", stun::serialize(response, pwd)));
  EXPECT_FALSE(give_us("192.0.2.2:2000", stun::serialize(response, "not the password")));
  EXPECT_EQ(us_.agent.counters().unmatched, 1u);
  EXPECT_EQ(us_.agent.counters().unauthenticated, 1u);
  EXPECT_TRUE(give_us("192.0.2.2:2000", stun::serialize(response, pwd)));
  EXPECT_FALSE(give_us("192.0.2.2:2000", stun::serialize(response, pwd))) << "a second answer";
}

// A request with one more attribute, as its sender would sign it (RFC 8489 section 14.5).
ByteVector with_attribute(const ByteVector& request, std::uint16_t type, const std::string& pwd) {
  constexpr std::size_t integrity_size = 24, fingerprint_size = 8;
  ByteVector bytes(request.begin(), request.end() - integrity_size - fingerprint_size);
  ByteWriter writer(bytes);
  writer.write_u16(type);
  writer.write_u16(0);
  writer.patch_u16(2, static_cast<std::uint16_t>(bytes.size() + integrity_size - stun::header_size));
  std::array<std::uint8_t, 20> hmac{};
  HMAC(EVP_sha1(), pwd.data(), static_cast<int>(pwd.size()), bytes.data(), bytes.size(), hmac.data(),
       nullptr);
  writer.write_u16(0x0008);
  writer.write_u16(20);
  writer.write_bytes(hmac);
  return bytes;
}

TEST_F(AgentTest, ARequestWithAnUnknownAttributeIsRefusedWith420AndNotLearntFrom) {
  const Endpoint stranger = *Endpoint::parse("192.0.2.9:9");
  ByteVector answer;
  world_.net.attach(
      stranger, [&](const Endpoint&, Bytes datagram) { answer.assign(datagram.begin(), datagram.end()); });
  us_.learn_credentials(them_);
  const std::string& pwd = us_.agent.local_credentials().pwd;
  const ByteVector request = with_attribute(signed_for_us(request_of_theirs()), 0x0077, pwd);
  EXPECT_TRUE(us_.agent.handle_stun(world_.clock.now(), stranger, request, *us_.out));
  world_.clock.run_for(15ms);
  const auto response = stun::parse(answer);
  ASSERT_TRUE(response && response->error);
  EXPECT_EQ(response->error->number, stun::unknown_attribute);
  EXPECT_EQ(response->unknown_to_peer.types[0], 0x0077);
  EXPECT_EQ(us_.agent.state(), State::waiting);
}

TEST_F(AgentTest, GarbageNeitherCrashesNorIsAnswered) {
  connect();
  SeededRandom random(3);
  const ByteVector good = signed_for_us(request_of_theirs());
  for (int i = 0; i < 20000; ++i) {
    ByteVector bytes = good;
    for (std::uint64_t n = random.below(4) + 1; n > 0; --n) {
      bytes[random.below(bytes.size())] ^= static_cast<std::uint8_t>(random.below(255) + 1);
    }
    if (random.below(2) == 0) bytes.resize(random.below(bytes.size()));
    const std::size_t proved =
        good.size() - 8;  // all but FINGERPRINT, without which the message is still good
    if (bytes.size() > proved && std::equal(bytes.begin(), bytes.end() - 8, good.begin())) continue;
    EXPECT_FALSE(give_us("203.0.113.9:9", bytes));
  }
  EXPECT_EQ(discard_.datagrams, 0);
  EXPECT_TRUE(world_.are_connected());
}

TEST_F(AgentTest, AFloodOfAddressesIsBoundedAndDoesNotMoveThePath) {
  connect();
  const auto dropped = [this] { return us_.agent.counters().candidates_dropped; };
  const ByteVector request = signed_for_us(request_of_theirs());  // recorded, and replayed from everywhere
  for (int port = 1; port <= 10000; ++port) {
    give_us("203.0.113.9:" + std::to_string(port), request);
    world_.clock.run_for(1ms);
  }
  EXPECT_EQ(dropped(), 10000 - Agent::max_pairs + 1);
  EXPECT_LE(us_.agent.counters().checks_sent, 10u * 20 + 20) << "what an attacker makes us send is paced";
  world_.clock.run_for(1min);
  EXPECT_TRUE(world_.are_connected());
}

TEST_F(AgentTest, SignalledCandidatesAreBoundedToo) {
  world_.exchange_credentials();
  for (int port = 1; port <= 1000; ++port) us_.learn_candidate("203.0.113.9:" + std::to_string(port), 1);
  EXPECT_EQ(us_.agent.counters().candidates_dropped, 1000 - Agent::max_pairs);
}

TEST(RequestedUfragTest, IsTheReceiversPartOfTheUserName) {
  stun::Message request;
  request.username = "ours:theirs";
  ByteVector bytes = stun::serialize(request, "whatever");
  EXPECT_EQ(requested_ufrag(bytes), "ours");
  request.type = stun::Class::success;
  EXPECT_EQ(requested_ufrag(stun::serialize(request, "whatever")), std::nullopt);
  request.type = stun::Class::request;
  request.username = "no colon";
  EXPECT_EQ(requested_ufrag(stun::serialize(request, "whatever")), std::nullopt);
  request.username.reset();
  EXPECT_EQ(requested_ufrag(stun::serialize(request, "whatever")), std::nullopt);
  EXPECT_EQ(requested_ufrag(as_bytes("garbage")), std::nullopt);
}

}  // namespace
}  // namespace holdfast::ice
