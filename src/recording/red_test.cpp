#include <deque>

#include "codec/opus.hpp"
#include "recording/forwarder_test.hpp"

namespace holdfast::recording {
namespace {

using sim::Fate;
using testing::HasSubstr;

const sdp::Codec red_codec{PayloadType(63), "red", 48'000, 2, "111/111", {}};

// A LiveKit room whose one publisher sends Opus with two older frames in each packet, every tenth packet
// without, as where one is too large.
class RedTest : public ForwarderTest {
 protected:
  static constexpr std::uint32_t frame_samples = 960;

  void connect() {
    options.output.audio = AudioMode::copy;
    options.output.format = container::Format::mkv;
    options.nack = Nack::always;
    audio_ = &server_.add_audio("TR_audio", red_codec);
    ForwarderTest::connect();
  }
  void play(int packets) {
    for (int i = 0; i < packets; ++i) {
      send();
      run_for(20ms);
    }
  }
  void send() {
    // Each frame can be told from the others, and is Opus of 20 ms to who looks.
    const auto number = static_cast<std::uint16_t>(frames_.size());
    frames_.push_back({0xf8, static_cast<std::uint8_t>(number >> 8), static_cast<std::uint8_t>(number), 7});
    timestamp_ += frame_samples;
    if (frames_.size() % 10 == 0) {
      audio_->forward(clock.now(), frames_.back(), timestamp_, false, {}, PayloadType(111));
      return;
    }
    ByteVector payload;
    ByteWriter writer(payload);
    const std::size_t older = std::min<std::size_t>(2, frames_.size() - 1);
    for (std::size_t back = older; back > 0; --back) {
      writer.write_u8(0x80 | 96);  // the publisher's own type
      writer.write_u24(static_cast<std::uint32_t>(back) * frame_samples << 10 | 4);
    }
    writer.write_u8(96);
    for (std::size_t back = older + 1; back > 0; --back) writer.write_bytes(frames_[frames_.size() - back]);
    audio_->forward(clock.now(), payload, timestamp_, false);
  }
  bool arrived(std::size_t index) { return audio_->fate(index, 1500ms) == Fate::arrived; }
  bool has_redundancy(std::size_t index) const { return (index + 1) % 10 != 0; }
  // Neither it nor what carried it again.
  std::uint64_t past_rebuilding() {
    std::uint64_t count = 0;
    for (std::size_t i = 0; i < frames_.size(); ++i) {
      bool here = arrived(i);
      for (std::size_t next = i + 1; next <= i + 2 && next < frames_.size(); ++next)
        here |= arrived(next) && has_redundancy(next);
      count += !here;
    }
    return count;
  }
  std::vector<ByteVector> written() {
    std::vector<ByteVector> all;
    const MediaFile recorded = file();
    for (const auto& packet : recorded.audio().packets) {
      if (packet.payload.size() == 4) all.push_back(packet.payload);  // no filler
    }
    return all;
  }
  void end() {
    recorder().finish(journal::EndReason::stopped);
    ASSERT_TRUE(clock.run_until([&] { return recorder().finished.has_value(); }, 5s));
  }

  sim::SimDowntrack* audio_ = nullptr;
  std::vector<ByteVector> frames_;
  std::uint32_t timestamp_ = 1'000'000;
};

TEST_F(RedTest, WithoutLossEveryFrameIsWrittenOnce) {
  connect();
  EXPECT_THAT(answer_, HasSubstr("red/48000/2"));
  play(200);
  run_for(1s);
  end();
  EXPECT_EQ(packets(Kind::audio).written, 200u);
  EXPECT_EQ(packets(Kind::audio).recovered, 0u);
  EXPECT_EQ(packets(Kind::audio).duplicates, 0u);
  EXPECT_TRUE(written() == frames_);
}

TEST_F(RedTest, WhereNobodyAnswersOnlyWhatHasNoCopyLeftIsLost) {
  connect();
  play(50);
  net.path(studio_at, recorder_at).loss = 0.2;
  net.path(recorder_at, studio_at).loss = 1;
  play(500);
  net.path(studio_at, recorder_at).loss = 0;
  play(150);
  end();
  const PacketCounts counts = packets(Kind::audio);
  EXPECT_EQ(counts.expected, frames_.size());
  EXPECT_EQ(counts.lost, past_rebuilding());
  EXPECT_EQ(counts.recovered_red, audio_->counters().first_copy_lost - counts.lost);
  EXPECT_GT(counts.recovered_red, 50u);
  EXPECT_EQ(counts.expected, counts.written + counts.lost);
}

TEST_F(RedTest, HolesWiderThanTheRedundancyAreAskedFor) {
  connect();
  play(50);
  net.path(studio_at, recorder_at).loss = 1;
  play(6);
  net.path(studio_at, recorder_at).loss = 0;
  play(100);
  end();
  const PacketCounts counts = packets(Kind::audio);
  EXPECT_EQ(counts.lost, 0u);
  EXPECT_EQ(counts.recovered, 6u);
  EXPECT_GE(counts.recovered_red, 2u);
  EXPECT_TRUE(written() == frames_);
}

TEST_F(RedTest, BrokenRedIsCountedAsMalformed) {
  connect();
  play(10);
  static constexpr std::array<std::uint8_t, 3> broken{0x80, 0, 0};
  audio_->forward(clock.now(), broken, timestamp_ += frame_samples, false);
  play(10);
  run_for(1s);
  EXPECT_EQ(packets(Kind::audio).dropped_by[static_cast<std::size_t>(rtp::DropCause::malformed)], 1u);
  EXPECT_EQ(packets(Kind::audio).written, 20u);
}

}  // namespace
}  // namespace holdfast::recording
