#pragma once

#include <map>
#include <vector>

#include "audit/structure.hpp"

namespace holdfast::audit {

// Checks Matroska (RFC 9559, EBML: RFC 8794): elements within elements, clusters and their times, blocks of
// tracks that are there.
class MkvReader final : public StructureReader {
 public:
  MkvReader(Findings& findings, std::string file, Rules rules)
      : StructureReader(findings, std::move(file), rules) {}

  void feed(Bytes bytes) override;
  void finish(Ending ending) override;

 private:
  static constexpr std::uint64_t unknown = ~std::uint64_t{0};
  static constexpr std::size_t max_tracks = 32;

  struct Element {
    std::uint32_t id = 0;
    std::uint64_t begin = 0;
    std::uint64_t end = 0;  // or unknown
  };
  enum class State : std::uint8_t { header, gather, block, skip };
  struct Track {
    std::size_t index = 0;
  };

  std::size_t read_header(Bytes bytes);
  void begin_element(std::uint32_t id, std::uint64_t begin, std::uint64_t end);
  void end_elements();
  void end_element(const Element& element);
  void close_cluster(std::uint64_t end);
  void lose(const char* why);
  void read_leaf(Bytes body);
  void read_block(Bytes head);
  std::uint32_t parent() const { return open_.empty() ? 0 : open_.back().id; }

  State state_ = State::header;
  std::uint64_t offset_ = 0;
  std::vector<Element> open_;
  Element leaf_;
  std::size_t wanted_ = 0;  // of a leaf
  ByteVector gathered_;
  std::optional<std::uint64_t> lost_at_;

  std::map<std::uint64_t, Track> tracks_;  // by number
  std::uint64_t number_ = 0;               // of the TrackEntry being read
  TrackStructure described_;
  std::uint64_t scale_ = 1'000'000;  // ns
  std::optional<std::uint64_t> cluster_time_;
  std::optional<std::uint64_t> cluster_begin_;
  std::optional<std::uint64_t> header_begin_;
  bool has_header_ = false;
  bool broken_ = false;  // the cluster
};

}  // namespace holdfast::audit
