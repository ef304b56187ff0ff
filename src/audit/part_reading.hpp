#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "audit/checked_journal.hpp"
#include "audit/structure.hpp"
#include "audit/verify.hpp"
#include "base/disk.hpp"
#include "journal/state.hpp"

namespace holdfast::audit {

// Reads a part once, from its first byte on: its bytes go to the structure's reader, and are compared with
// the checksums that the journal has for them. Adds the differences to the report. Blocks; memory does not
// grow with the file.
class PartReading {
 public:
  // `state`: what the journal says of the part; null: there is no journal. All of them outlive the reading.
  PartReading(Disk& disk, Report& report, PartReport& part, const journal::PartState* state,
              StructureReader& reader);

  // The first `size` bytes. `progress` is told how many more were read. Errors: io.
  Result<void> run(std::uint64_t size, Ending ending, const std::function<void(std::uint64_t)>& progress);

 private:
  struct Compared {
    journal::ChecksumEvent range;
    std::uint32_t crc = 0;
  };

  void sum(Bytes bytes);
  void compare();
  std::optional<journal::ChecksumEvent> next_checksum();

  Disk& disk_;
  Report& report_;
  PartReport& part_;
  const journal::PartState* state_;
  StructureReader& reader_;
  std::optional<ChecksumCursor> cursor_;
  std::optional<journal::ChecksumEvent> next_;
  std::vector<Compared> compared_;
  std::uint64_t offset_ = 0;
  std::uint64_t crc_from_ = ~std::uint64_t{0};
  std::uint32_t crc_ = 0;
};

}  // namespace holdfast::audit
