#include "container/ts_packet.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "container/whole_frames.hpp"

namespace holdfast::container::ts {
namespace {

// The header of a PES packet of video that does not say its length, without time stamps (ISO/IEC 13818-1
// section 2.4.3.6).
constexpr std::array<std::uint8_t, 9> head{0, 0, 1, 0xe0, 0, 0, 0x80, 0, 0};

std::uint64_t whole_bytes(Bytes file) {
  const auto found = find_whole_part(
      Format::mpegts, file.size(), [file](std::uint64_t at, std::uint64_t size) -> Result<ByteVector> {
        const Bytes rest = file.subspan(static_cast<std::size_t>(std::min<std::uint64_t>(at, file.size())));
        const Bytes piece = rest.first(static_cast<std::size_t>(std::min<std::uint64_t>(size, rest.size())));
        return ByteVector(piece.begin(), piece.end());
      });
  return found ? found->size : 0;
}

// A frame that ended exactly with its first packet, behind a PCR or a mark of random access, had no stuffing.
// After a crash, recovery took it for half a frame and set it aside.
TEST(PacketWriter, AUnitIsKnownToBeWholeByItsLastPacketWhateverItsSize) {
  for (const auto& marks :
       {UnitMarks{}, UnitMarks{.random_access = RandomAccess::yes}, UnitMarks{.pcr = 90'000},
        UnitMarks{.random_access = RandomAccess::yes, .pcr = 90'000}}) {
    for (std::size_t size = 1; size < 3 * packet_size; ++size) {
      PacketWriter writer(Pid(0x100));
      ByteVector file;
      writer.write_pes(head, ByteVector(size, 0x55), marks, file);
      EXPECT_EQ(whole_bytes(file), file.size()) << size << " bytes, PCR " << marks.pcr.has_value();
      for (std::size_t cut = packet_size; cut < file.size(); cut += packet_size)
        EXPECT_EQ(whole_bytes(Bytes(file).first(cut)), 0U) << size << " bytes, cut at " << cut;
    }
  }
}

}  // namespace
}  // namespace holdfast::container::ts
