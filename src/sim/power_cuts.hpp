#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/random.hpp"
#include "sim/sim_disk.hpp"

namespace holdfast::sim {

// What is on a disk when the power goes after any of the operations that a SimDisk recorded. Goes through
// them in order: one state is kept, and images are made of it.
class PowerCuts {
 public:
  // Of what was not synced, a disk may have kept anything: what became of the writes before the last.
  enum class Unsynced : std::uint8_t { lost, kept, some };

  explicit PowerCuts(const std::vector<SimDisk::Operation>& operations) : operations_(operations) {}

  // The next operation has been done. False: there is none.
  bool advance();
  std::size_t done() const { return done_; }
  // The bytes of the last operation, if that was an append; else 0.
  std::size_t last_size() const;
  // The machine comes up again. Of the last append `torn` bytes are there at most, of those before it what
  // `unsynced` says (`some`: by file, as `random` has it).
  std::unique_ptr<SimDisk> image(std::size_t torn, Unsynced unsynced, Random& random) const;
  // How much of a file is on stable storage whatever happens.
  std::size_t synced(const std::string& path) const;

 private:
  struct File {
    std::string path;
    ByteVector data;
    std::size_t synced = 0;
  };

  const std::vector<SimDisk::Operation>& operations_;
  std::size_t done_ = 0;
  std::vector<File> files_;  // by number; removed ones have no path
};

}  // namespace holdfast::sim
