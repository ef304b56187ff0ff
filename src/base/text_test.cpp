#include "base/text.hpp"

#include <gtest/gtest.h>

#include <array>

namespace holdfast {
namespace {

TEST(Text, splits_and_trims) {
  EXPECT_EQ(split(" a, b ,,c ", ','), (std::vector<std::string_view>{"a", "b", "c"}));
  EXPECT_TRUE(split("", ',').empty());
  EXPECT_TRUE(split(" , ", ',').empty());
  EXPECT_EQ(trim("\t x y "), "x y");
}

TEST(Text, the_nearest_word_is_one_that_was_meant) {
  constexpr std::array<std::string_view, 4> known{"listen", "recordings", "livekit_url", "fill"};
  EXPECT_EQ(nearest("recordngs", known), "recordings");
  EXPECT_EQ(nearest("LISTEN", known), "listen");
  EXPECT_EQ(nearest("livekiturl", known), "livekit_url");
  EXPECT_EQ(nearest("banana", known), "");
  EXPECT_EQ(nearest("", known), "");
  EXPECT_EQ(nearest(std::string(1000, 'a'), known), "");
}

TEST(Text, hostile_text_is_made_printable_and_short) {
  EXPECT_EQ(printable("a\n\xff\x7f~"), "a???~");
  EXPECT_EQ(printable(std::string(100, 'x')).size(), 67U);
}

TEST(Text, secrets_are_equal_only_when_every_byte_is) {
  EXPECT_TRUE(equal_secrets("secret", "secret"));
  EXPECT_FALSE(equal_secrets("secret", "secreT"));
  EXPECT_FALSE(equal_secrets("secret", "Secret"));
  EXPECT_FALSE(equal_secrets("secret", "secre"));
}

}  // namespace
}  // namespace holdfast
