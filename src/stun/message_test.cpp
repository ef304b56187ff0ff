#include "stun/message.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "base/random.hpp"

namespace holdfast::stun {
namespace {

ByteVector from_hex(std::string_view hex) {
  ByteVector bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<std::uint8_t>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
  }
  return bytes;
}

// RFC 5769 section 2: written by others, so that our own reading of the standard is not the only one.
constexpr std::string_view rfc_password = "VOkJxbRl1RmTxUk/WvJxBt";
const ByteVector rfc_request = from_hex(
    "000100582112a442b7e7a701bc34d686fa87dfae802200105354554e207465737420636c69656e74002400046e0001ff80290008"
    "932ff9b151"
    "263b36000600096576746a3a68367659202020000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a280280004e57a3bcf");
const ByteVector rfc_ipv4_response = from_hex(
    "0101003c2112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000080001a147e112a64300080014"
    "2b91f599fd"
    "9e90c38c7489f92af9ba53f06be7d780280004c07d4c96");
const ByteVector rfc_ipv6_response = from_hex(
    "010100482112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000140002a1470113a9faa5d3f179"
    "bc25f4b5be"
    "d2b9d900080014a382954e4be67bf11784c97c8292c275bfe3ed4180280004c8fb0b4c");

// A message of one attribute after another, without integrity: for what serialize() would never write.
ByteVector message_with(std::string_view attributes_hex, std::string_view type_hex = "0001") {
  const ByteVector attributes = from_hex(attributes_hex);
  ByteVector bytes = from_hex(std::string(type_hex) + "00002112a442000102030405060708090a0b");
  bytes.insert(bytes.end(), attributes.begin(), attributes.end());
  store_u16(&bytes[2], static_cast<std::uint16_t>(attributes.size()));
  return bytes;
}

TEST(StunTest, TheSampleRequestOfRfc5769IsRead) {
  const auto message = parse(rfc_request);
  ASSERT_TRUE(message);
  EXPECT_EQ(message->type, Class::request);
  EXPECT_EQ(message->transaction[0], 0xb7);
  EXPECT_EQ(message->transaction[11], 0xae);
  EXPECT_EQ(message->username, "evtj:h6vY");
  EXPECT_EQ(message->priority, 0x6e0001ffu);
  EXPECT_EQ(message->controlled, 0x932ff9b151263b36u);
  EXPECT_FALSE(message->controlling);
  EXPECT_FALSE(message->use_candidate);
  EXPECT_TRUE(message->not_understood.empty());
  EXPECT_TRUE(is_authentic(*message, rfc_password));
  EXPECT_FALSE(is_authentic(*message, "another password"));
}

TEST(StunTest, TheSampleIpv4ResponseOfRfc5769IsRead) {
  const auto message = parse(rfc_ipv4_response);
  ASSERT_TRUE(message);
  EXPECT_EQ(message->type, Class::success);
  EXPECT_EQ(message->mapped, Endpoint::parse("192.0.2.1:32853"));
  EXPECT_TRUE(is_authentic(*message, rfc_password));
}

TEST(StunTest, TheSampleIpv6ResponseOfRfc5769IsRead) {
  const auto message = parse(rfc_ipv6_response);
  ASSERT_TRUE(message);
  EXPECT_EQ(message->mapped, Endpoint::parse("[2001:db8:1234:5678:11:2233:4455:6677]:32853"));
  EXPECT_TRUE(is_authentic(*message, rfc_password));
}

TEST(StunTest, AnyFlippedBitIsFound) {
  for (std::size_t bit = 0; bit < rfc_request.size() * 8; ++bit) {
    ByteVector bytes = rfc_request;
    bytes[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
    const auto message = parse(bytes);
    // A FINGERPRINT of another type is an attribute to be ignored: then the message stands on its integrity,
    // rightly.
    const bool is_fingerprint_header = bit / 8 >= 100 && bit / 8 < 104;
    if (is_fingerprint_header) continue;
    EXPECT_FALSE(message && is_authentic(*message, rfc_password)) << "bit " << bit;
  }
}

TEST(StunTest, WhatIsWrittenIsReadBack) {
  Message message;
  message.transaction = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
  message.username = "theirs:ours";
  message.priority = 1234567;
  message.controlling = 0x0123456789abcdef;
  message.use_candidate = true;
  const ByteVector bytes = serialize(message, "password");
  const auto read = parse(bytes);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->type, Class::request);
  EXPECT_EQ(read->transaction, message.transaction);
  EXPECT_EQ(read->username, message.username);
  EXPECT_EQ(read->priority, message.priority);
  EXPECT_EQ(read->controlling, message.controlling);
  EXPECT_TRUE(read->use_candidate);
  EXPECT_TRUE(is_authentic(*read, "password"));
  EXPECT_FALSE(is_authentic(*read, "Password"));
}

TEST(StunTest, AddressesOfBothFamiliesAreReadBack) {
  for (const char* text : {"192.0.2.7:1", "[2001:db8::7]:65535"}) {
    Message message;
    message.type = Class::success;
    message.transaction = {12, 11, 10};
    message.mapped = Endpoint::parse(text);
    const ByteVector bytes = serialize(message, "password");
    const auto read = parse(bytes);
    ASSERT_TRUE(read);
    EXPECT_EQ(read->mapped, message.mapped);
  }
}

TEST(StunTest, AnErrorNamesItsNumberReasonAndUnknownAttributes) {
  Message message;
  message.type = Class::error;
  message.error = {unknown_attribute, "Unknown Attribute"};
  message.unknown_to_peer.add(0x7001);
  message.unknown_to_peer.add(0x0002);
  message.unknown_to_peer.add(0x0033);
  const ByteVector bytes = serialize(message, "password");
  const auto read = parse(bytes);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->type, Class::error);
  EXPECT_EQ(read->error, message.error);
  EXPECT_EQ(read->unknown_to_peer, message.unknown_to_peer);
}

TEST(StunTest, ClassesAreToldApart) {
  for (const Class type : {Class::request, Class::indication, Class::success, Class::error}) {
    Message message;
    message.type = type;
    const ByteVector bytes = serialize(message, "password");
    EXPECT_EQ(parse(bytes)->type, type);
  }
  EXPECT_FALSE(parse(message_with("", "0003"))) << "Allocate is not Binding";
}

TEST(StunTest, WhatTurnSaysIsReadBackByTurnAndIsNoneOfIces) {
  Message message;
  message.method = Method::channel_bind;
  message.username = "user";
  message.realm = "example.org";
  message.nonce = "once";
  message.requested_transport = 17;
  message.lifetime = 600;
  message.channel = 0x4001;
  message.relayed = Endpoint::parse("198.51.100.2:50000");
  message.peer = Endpoint::parse("[2001:db8::7]:7882");
  const ByteVector payload{1, 2, 3, 4, 5};
  message.data = payload;
  const ByteVector bytes = serialize(message, "key");
  const auto read = parse(bytes, Protocol::turn);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->method, Method::channel_bind);
  EXPECT_EQ(read->realm, "example.org");
  EXPECT_EQ(read->nonce, "once");
  EXPECT_EQ(read->requested_transport, 17);
  EXPECT_EQ(read->lifetime, 600u);
  EXPECT_EQ(read->channel, 0x4001);
  EXPECT_EQ(read->relayed, message.relayed);
  EXPECT_EQ(read->peer, message.peer);
  EXPECT_TRUE(std::ranges::equal(*read->data, payload));
  EXPECT_TRUE(is_authentic(*read, "key"));
  EXPECT_FALSE(parse(bytes));
  EXPECT_FALSE(parse(rfc_request, Protocol::turn));
}

TEST(StunTest, AnUnsignedMessageIsReadAndNotAuthentic) {
  Message message;
  message.method = Method::allocate;
  const auto bytes = serialize_unsigned(message);
  const auto read = parse(bytes, Protocol::turn);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->integrity_offset, 0u);
}

TEST(StunTest, TheLongTermKeyIsThatOfRfc8489) {  // the example of section 9.2.2
  const auto key = long_term_key("user", "realm", "pass");
  ASSERT_TRUE(key);
  EXPECT_EQ(ByteVector(key->begin(), key->end()), from_hex("8493fbc53ba582fb4c044c456bdc40eb"));
}

TEST(StunTest, AttributesThatMustBeUnderstoodAreNamedAndOthersIgnored) {
  const ByteVector bytes = message_with(
      "00770000"
      "80770000"
      "00780003aabbcc00");
  const auto message = parse(bytes);
  ASSERT_TRUE(message);
  EXPECT_EQ(message->not_understood.count, 2);
  EXPECT_EQ(message->not_understood.types[0], 0x0077);
  EXPECT_EQ(message->not_understood.types[1], 0x0078);
}

TEST(StunTest, TheFirstOfTwoEqualAttributesCounts) {
  const ByteVector bytes = message_with(
      "0024000400000001"
      "0024000400000002");
  EXPECT_EQ(parse(bytes)->priority, 1u);
}

TEST(StunTest, WhatFollowsIntegrityIsIgnored) {
  Message message;
  message.username = "a:b";
  ByteVector bytes = serialize(message, "password");
  bytes.resize(bytes.size() - 8);  // the FINGERPRINT
  const ByteVector forged = from_hex("00250000");
  bytes.insert(bytes.end(), forged.begin(), forged.end());
  store_u16(&bytes[2], static_cast<std::uint16_t>(bytes.size() - header_size));
  const auto read = parse(bytes);
  ASSERT_TRUE(read);
  EXPECT_TRUE(is_authentic(*read, "password"));
  EXPECT_FALSE(read->use_candidate);
}

TEST(StunTest, AMessageWithoutIntegrityIsNotAuthentic) {
  const ByteVector bytes = message_with("");
  EXPECT_FALSE(is_authentic(*parse(bytes), ""));
}

TEST(StunTest, MalformedAttributesAreRefused) {
  for (const std::string_view attributes : {
           "002400",                   // cut in the header
           "0024000400",               // cut in the value
           "00240008000000010000000",  // PRIORITY of 8 bytes, cut
           "002400020001"
           "0000",              // PRIORITY of 2 bytes
           "8029000400000001",  // a tie-breaker of 4 bytes
           "0025000400000000",  // USE-CANDIDATE with a value
           "00200004"
           "0001a147",                  // an address without an address
           "002000080003a147e112a643",  // an address of no family
           "000900040000"
           "0700",  // error 700
           "00090004"
           "00000463",  // (a good one: 499, see below)
           "000800040000"
           "0000",              // MESSAGE-INTEGRITY of 4 bytes
           "8028000400000000",  // a wrong FINGERPRINT
           "0006ffff61626364",  // longer than the message
       }) {
    const bool good = attributes == "0009000400000463";
    EXPECT_EQ(parse(message_with(attributes)).has_value(), good) << attributes;
  }
}

TEST(StunTest, AHeaderThatDoesNotFitItsDatagramIsRefused) {
  ByteVector bytes = rfc_request;
  bytes.insert(bytes.end(), 4, 0);
  EXPECT_FALSE(parse(bytes));
  EXPECT_FALSE(parse(Bytes(rfc_request).first(rfc_request.size() - 4)));
  EXPECT_FALSE(parse(Bytes(rfc_request).first(19)));
  EXPECT_FALSE(parse({}));
}

TEST(StunTest, AMessageOfMoreThanOneMtuIsRefused) {
  const auto with_username_of = [](std::size_t size) {
    ByteVector attribute(4 + size, 'x');
    store_u16(attribute.data(), 0x0006);
    store_u16(&attribute[2], static_cast<std::uint16_t>(size));
    ByteVector bytes = message_with("");
    bytes.insert(bytes.end(), attribute.begin(), attribute.end());
    store_u16(&bytes[2], static_cast<std::uint16_t>(attribute.size()));
    return bytes;
  };
  EXPECT_TRUE(parse(with_username_of(max_size - header_size - 4)));
  EXPECT_FALSE(parse(with_username_of(max_size - header_size)));
}

TEST(StunTest, StunIsToldFromDtlsAndRtpByItsFirstByteAndCookie) {
  EXPECT_TRUE(is_stun(rfc_request));
  EXPECT_FALSE(is_stun(Bytes(rfc_request).first(19)));
  for (const int first : {4, 20, 64, 128, 255}) {
    ByteVector other = rfc_request;
    other[0] = static_cast<std::uint8_t>(first);
    EXPECT_FALSE(is_stun(other));
  }
  ByteVector old = rfc_request;
  old[4] = 0;  // RFC 3489 had no cookie
  EXPECT_FALSE(is_stun(old));
}

TEST(StunTest, RandomBytesBehindAHeaderNeverCrash) {
  SeededRandom random(1);
  for (int i = 0; i < 20000; ++i) {
    ByteVector bytes(header_size + random.below(30) * 4);
    random.fill(bytes);
    const ByteVector header = message_with("");
    std::copy(header.begin(), header.end(), bytes.begin());
    store_u16(&bytes[2], static_cast<std::uint16_t>(bytes.size() - header_size));
    // Small lengths and types near the known ones reach deeper.
    for (std::size_t at = header_size; at + 4 <= bytes.size(); at += 8) {
      bytes[at] &= 0x80, bytes[at + 1] &= 0x2f, bytes[at + 2] = 0, bytes[at + 3] &= 0x1f;
    }
    const auto message = parse(bytes);
    EXPECT_FALSE(message && is_authentic(*message, "password"));
  }
}

}  // namespace
}  // namespace holdfast::stun
