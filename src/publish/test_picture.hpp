#pragma once

#include <cstdint>

#include "base/bytes.hpp"
#include "base/time.hpp"

namespace holdfast::publish {

// A picture in I420: a plane of luma, two of chroma at half the size. Width and height are even.
struct Picture {
  Picture(int picture_width, int picture_height);

  int width;
  int height;
  ByteVector y;
  ByteVector u;
  ByteVector v;
};

// Draws frame number `frame` of the test picture: colour bars with a moving edge, the elapsed time and the
// UTC clock burnt in, and a white flash over the lower half in the first 100 ms of each second (the tone
// beeps at the same instants), by which anyone can measure the offset between sound and picture.
void draw_test_picture(Picture& picture, std::uint64_t frame, Duration elapsed, WallTime wall);

}  // namespace holdfast::publish
