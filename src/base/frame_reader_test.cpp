#include "base/frame_reader.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/random.hpp"

namespace holdfast {
namespace {

// A digit says how many letters follow; '!' begins nothing.
std::optional<FrameShape> measure_digits(Bytes begin) {
  if (begin.empty()) return std::nullopt;
  if (begin[0] < '0' || begin[0] > '9') return FrameShape{};
  const std::size_t size = begin[0] - '0';
  return FrameShape{1 + size, 1, size};
}

class FrameReaderTest : public testing::Test {
 protected:
  void push(std::string_view text) {
    reader_.push(as_bytes(text));
    while (const auto frame = reader_.next()) frames_.emplace_back(as_text(*frame));
  }
  FrameReader reader_{measure_digits, 6};
  std::vector<std::string> frames_;
};

using Frames = std::vector<std::string>;

TEST_F(FrameReaderTest, FramesComeOutAsTheyWentIn) {
  push("3abc01z");
  EXPECT_EQ(frames_, (Frames{"abc", "", "z"}));
}

TEST_F(FrameReaderTest, AFrameMayComeInAnyPieces) {
  for (const char* piece : {"3", "a", "bc2", "xy5hell"}) push(piece);
  EXPECT_EQ(frames_, (Frames{"abc", "xy"}));
  push("o");
  EXPECT_EQ(frames_.back(), "hello");
}

TEST_F(FrameReaderTest, WhatIsTooLongIsSkippedAndCounted) {
  push("1a9123");
  push("45678");
  push("91b2cd");
  EXPECT_EQ(frames_, (Frames{"a", "b", "cd"}));
  EXPECT_EQ(reader_.skipped(), 1u);
}

TEST_F(FrameReaderTest, AfterWhatIsNoFrameNothingIsUnderstood) {
  push("1a!1b");
  push("1c");
  EXPECT_TRUE(reader_.is_broken());
  EXPECT_EQ(frames_, (Frames{"a"}));
}

TEST_F(FrameReaderTest, HowTheStreamIsCutMakesNoDifference) {
  SeededRandom random(1);
  for (int round = 0; round < 200; ++round) {
    std::string stream;
    Frames sent;
    for (int i = 0; i < 50; ++i) {
      sent.emplace_back(random.below(9), 'x');
      stream += std::to_string(sent.back().size()) + sent.back();
    }
    std::erase_if(sent, [](const std::string& frame) { return frame.size() > 5; });
    frames_.clear();
    for (std::size_t at = 0; at < stream.size();) {
      const std::size_t size = 1 + random.below(12);
      push(std::string_view(stream).substr(at, size));
      at += size;
    }
    ASSERT_EQ(frames_, sent) << "round " << round;
  }
}

}  // namespace
}  // namespace holdfast
