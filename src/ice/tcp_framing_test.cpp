#include "ice/tcp_framing.hpp"

#include <gtest/gtest.h>

#include "base/random.hpp"

namespace holdfast::ice {
namespace {

TEST(TcpFramingTest, TheLengthStandsBeforeTheDatagram) {
  ByteVector out;
  append_tcp_frame(as_bytes("abc"), out);
  append_tcp_frame({}, out);
  EXPECT_EQ(out, (ByteVector{0, 3, 'a', 'b', 'c', 0, 0}));
}

TEST(TcpFramingTest, WhatIsFramedIsReadBackHoweverItIsCut) {
  SeededRandom random(7);
  ByteVector stream;
  std::vector<ByteVector> sent;
  for (int i = 0; i < 300; ++i) {
    random.fill(sent.emplace_back(random.below(1500)));
    append_tcp_frame(sent.back(), stream);
  }
  FrameReader reader(measure_tcp_frame, 2048);
  std::vector<ByteVector> received;
  for (Bytes rest = stream; !rest.empty();) {
    const Bytes piece = rest.first(std::min<std::size_t>(rest.size(), 1 + random.below(4000)));
    rest = rest.subspan(piece.size());
    reader.push(piece);
    while (const auto datagram = reader.next()) received.emplace_back(datagram->begin(), datagram->end());
  }
  EXPECT_EQ(received, sent);
}

}  // namespace
}  // namespace holdfast::ice
