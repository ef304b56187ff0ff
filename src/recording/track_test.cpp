#include "recording/track.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "codec/packetizer.hpp"
#include "recording/studio_test.hpp"

namespace holdfast::recording {
namespace {

using namespace std::chrono_literals;
using media::Codec;
using testing::ElementsAre;

constexpr Ssrc ssrc(7);
constexpr PayloadType h264_type(125);
constexpr PayloadType other_h264_type(108);
constexpr PayloadType vp8_type(96);

// A video track whose m-line has three payload types, fed with frames of either codec.
class TrackTest : public testing::Test, private TrackOwner, private codec::PayloadSink {
 protected:
  TrackTest() {
    TrackSource source;
    source.track_id = "TR_v";
    source.ssrc = ssrc;
    source.codecs = {{h264_type, Codec::h264}, {other_h264_type, Codec::h264}, {vp8_type, Codec::vp8}};
    track_.bind(std::move(source), now_);
  }

  static const Footage& vp8() {
    static const Footage footage = make_footage({.codec = Codec::vp8});
    return footage;
  }
  // The first frames of a footage, a key frame and deltas.
  void send(const Footage& footage, PayloadType type, std::size_t count) {
    type_ = type;
    for (std::size_t i = 0; i < count; ++i) {
      const publish::EncodedFrame& frame = footage.video[i];
      timestamp_ += 3000;
      now_ += 33ms;
      codec::make_packetizer(frame.codec)->packetize(frame.payload, *this);
    }
  }

  std::vector<Codec> codecs_;  // of the frames that came out, each run once
  std::size_t frames_ = 0;
  rtp::Ledger& ledger() { return track_.ledger(); }

 private:
  void payload(Bytes payload, codec::Last last) override {
    rtp::Packet packet;
    packet.payload_type = type_;
    packet.marker = last == codec::Last::yes;
    packet.sequence = sequence_++;
    packet.timestamp = timestamp_;
    packet.ssrc = ssrc;
    packet.payload = payload;
    track_.handle_packet(now_, packet);
  }
  void on_frame(Track& track, const codec::CodedFrame& frame, Instant) override {
    ++frames_;
    if (codecs_.empty() || codecs_.back() != track.format()->codec) codecs_.push_back(track.format()->codec);
    ledger().write(frame.packets);
  }

  Instant now_{1h};
  rtp::PacketPool pool_{64};
  media::Timeline timeline_;
  Track track_{{.kind = media::Kind::video}, pool_, timeline_, *this};
  PayloadType type_;
  std::uint16_t sequence_ = 65'530;
  std::uint32_t timestamp_ = 0;
};

TEST_F(TrackTest, APayloadTypeThatChangesInMidStreamIsFollowed) {
  send(small_h264(), h264_type, 5);
  send(small_h264(), other_h264_type, 5);
  send(vp8(), vp8_type, 5);
  send(small_h264(), h264_type, 5);
  EXPECT_THAT(codecs_, ElementsAre(Codec::h264, Codec::vp8, Codec::h264));
  EXPECT_EQ(frames_, 20u);
  EXPECT_EQ(ledger().written(), ledger().expected());
}

TEST_F(TrackTest, APayloadTypeThatNobodyNegotiatedIsCountedAndLeftOut) {
  send(small_h264(), PayloadType(99), 2);
  EXPECT_EQ(frames_, 0u);
  EXPECT_EQ(ledger().dropped(rtp::DropCause::malformed), ledger().expected());
  EXPECT_GT(ledger().expected(), 0u);
}

}  // namespace
}  // namespace holdfast::recording
