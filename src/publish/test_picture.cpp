#include "publish/test_picture.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

namespace holdfast::publish {
namespace {

struct Colour {
  std::uint8_t y, u, v;
};

constexpr std::array<Colour, 7> bars{{{180, 128, 128},
                                      {162, 44, 142},
                                      {131, 156, 44},
                                      {112, 72, 58},
                                      {84, 184, 198},
                                      {65, 100, 212},
                                      {35, 212, 114}}};
constexpr Colour white{235, 128, 128};
constexpr Colour black{16, 128, 128};

struct Glyph {
  char character;
  std::array<std::uint8_t, 7> rows;  // five bits each, the left-most highest
};

constexpr std::array<Glyph, 15> glyphs{{
    {'0', {0b01110, 0b10001, 0b10011, 0b10101, 0b11001, 0b10001, 0b01110}},
    {'1', {0b00100, 0b01100, 0b00100, 0b00100, 0b00100, 0b00100, 0b01110}},
    {'2', {0b01110, 0b10001, 0b00001, 0b00110, 0b01000, 0b10000, 0b11111}},
    {'3', {0b11110, 0b00001, 0b00001, 0b01110, 0b00001, 0b00001, 0b11110}},
    {'4', {0b00010, 0b00110, 0b01010, 0b10010, 0b11111, 0b00010, 0b00010}},
    {'5', {0b11111, 0b10000, 0b11110, 0b00001, 0b00001, 0b10001, 0b01110}},
    {'6', {0b00110, 0b01000, 0b10000, 0b11110, 0b10001, 0b10001, 0b01110}},
    {'7', {0b11111, 0b00001, 0b00010, 0b00100, 0b01000, 0b01000, 0b01000}},
    {'8', {0b01110, 0b10001, 0b10001, 0b01110, 0b10001, 0b10001, 0b01110}},
    {'9', {0b01110, 0b10001, 0b10001, 0b01111, 0b00001, 0b00010, 0b01100}},
    {':', {0b00000, 0b00100, 0b00100, 0b00000, 0b00100, 0b00100, 0b00000}},
    {'.', {0b00000, 0b00000, 0b00000, 0b00000, 0b00000, 0b00110, 0b00110}},
    {'-', {0b00000, 0b00000, 0b00000, 0b11111, 0b00000, 0b00000, 0b00000}},
    {'T', {0b11111, 0b00100, 0b00100, 0b00100, 0b00100, 0b00100, 0b00100}},
    {'Z', {0b11111, 0b00001, 0b00010, 0b00100, 0b01000, 0b10000, 0b11111}},
}};
constexpr int glyph_width = 5;
constexpr int glyph_height = 7;

void fill_plane(ByteVector& plane, int stride, int left, int top, int width, int height, std::uint8_t value) {
  for (int row = top; row < top + height; ++row) {
    const auto first = plane.begin() + static_cast<std::ptrdiff_t>(row) * stride + left;
    std::fill(first, first + width, value);
  }
}

// Clips to the picture; positions and sizes are rounded down to even.
void fill(Picture& picture, int left, int top, int width, int height, Colour colour) {
  const int right = std::clamp(left + width, 0, picture.width) & ~1;
  const int bottom = std::clamp(top + height, 0, picture.height) & ~1;
  left = std::clamp(left, 0, picture.width) & ~1;
  top = std::clamp(top, 0, picture.height) & ~1;
  if (right <= left || bottom <= top) return;
  fill_plane(picture.y, picture.width, left, top, right - left, bottom - top, colour.y);
  fill_plane(picture.u, picture.width / 2, left / 2, top / 2, (right - left) / 2, (bottom - top) / 2,
             colour.u);
  fill_plane(picture.v, picture.width / 2, left / 2, top / 2, (right - left) / 2, (bottom - top) / 2,
             colour.v);
}

void draw_text(Picture& picture, int left, int top, int scale, std::string_view text) {
  const int advance = (glyph_width + 1) * scale;
  fill(picture, left - scale, top - scale, advance * static_cast<int>(text.size()) + scale,
       (glyph_height + 2) * scale, black);
  for (const char character : text) {
    const auto glyph = std::ranges::find(glyphs, character, &Glyph::character);
    for (int row = 0; glyph != glyphs.end() && row < glyph_height; ++row) {
      for (int column = 0; column < glyph_width; ++column) {
        if ((glyph->rows[static_cast<std::size_t>(row)] >> (glyph_width - 1 - column) & 1) == 0) continue;
        fill(picture, left + column * scale, top + row * scale, scale, scale, white);
      }
    }
    left += advance;
  }
}

std::string format_elapsed(Duration elapsed) {
  const auto ms = to_milliseconds(elapsed);
  return fmt::format("{:02}:{:02}:{:02}.{:03}", ms / 3'600'000, ms / 60'000 % 60, ms / 1000 % 60, ms % 1000);
}

}  // namespace

Picture::Picture(int picture_width, int picture_height)
    : width(picture_width),
      height(picture_height),
      y(static_cast<std::size_t>(width * height)),
      u(static_cast<std::size_t>(width * height / 4)),
      v(static_cast<std::size_t>(width * height / 4)) {}

void draw_test_picture(Picture& picture, std::uint64_t frame, Duration elapsed, WallTime wall) {
  const int count = static_cast<int>(bars.size());
  for (int i = 0; i < count; ++i) {
    const int left = picture.width * i / count;
    fill(picture, left, 0, picture.width * (i + 1) / count - left, picture.height,
         bars[static_cast<std::size_t>(i)]);
  }
  if (elapsed % std::chrono::seconds(1) < std::chrono::milliseconds(100)) {
    fill(picture, 0, picture.height / 2, picture.width, picture.height / 2, white);
  }
  const int edge = static_cast<int>(frame * 8 % static_cast<std::uint64_t>(picture.width));
  fill(picture, edge, 0, picture.width / 40, picture.height, white);

  const int scale = std::max(2, picture.width / 160) & ~1;
  draw_text(picture, picture.width / 12, picture.height / 8, 2 * scale, format_elapsed(elapsed));
  draw_text(picture, picture.width / 12, picture.height / 8 + 20 * scale, scale, format_rfc3339(wall));
}

}  // namespace holdfast::publish
