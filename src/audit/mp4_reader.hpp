#pragma once

#include <map>
#include <vector>

#include "audit/structure.hpp"

namespace holdfast::audit {

// Checks MP4 (ISO/IEC 14496-12): boxes within boxes, fragments with the media that they promise, their
// numbers and times; or, of a file with an index, that every table is of the same number of samples and
// points into the media. Tables are read as they pass, so an index of days costs no memory.
class Mp4Reader final : public StructureReader {
 public:
  Mp4Reader(Findings& findings, std::string file, Rules rules)
      : StructureReader(findings, std::move(file), rules) {}

  void feed(Bytes bytes) override;
  void finish(Ending ending) override;

 private:
  static constexpr std::uint64_t to_the_end = ~std::uint64_t{0};
  // Of a box that is gathered whole; a run of a hundred thousand samples is 1.6 MB.
  static constexpr std::uint64_t max_gathered = 4 << 20;
  static constexpr std::size_t max_tracks = 32;

  struct Box {
    std::uint32_t type = 0;
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
  };
  enum class State : std::uint8_t { header, gather, table, skip };
  // A table of a file with an index: entries that pass.
  struct Table {
    std::size_t entry_size = 0;
    std::uint64_t left = 0;
    bool begun = false;  // its head was read
  };
  struct Track {
    std::uint32_t id = 0;
    std::uint32_t timescale = 0;
    std::size_t index = 0;  // in structure().tracks
    bool is_media = false;
    std::uint32_t default_duration = 0;
    std::uint32_t default_size = 0;
    std::uint32_t default_flags = 0;
    std::optional<std::uint64_t> last_decode_time{};
    // with an index
    std::uint64_t samples = 0;
    std::uint64_t sample_bytes = 0;
    std::uint64_t timed_samples = 0;
    std::uint64_t duration = 0;
    std::uint64_t fixed_size = 0;
    std::optional<std::uint64_t> key_samples{};
  };
  // Of the fragment whose `mdat` is to come.
  struct Fragment {
    std::uint64_t begin = 0;
    std::uint64_t promised = 0;  // bytes
    std::uint64_t lowest = ~std::uint64_t{0};
    std::uint64_t highest = 0;
    bool broken = false;
  };
  struct Run {  // within traf
    Track* track = nullptr;
    std::uint32_t duration = 0;
    std::uint32_t size = 0;
    std::uint32_t flags = 0;
    std::uint64_t base = 0;
    std::optional<std::uint64_t> next_offset{};
    std::uint64_t decode_time = 0;
  };

  std::size_t read_header(Bytes bytes);
  bool begin_box(std::uint32_t type, std::uint64_t begin, std::uint64_t end);
  void end_boxes();
  void end_box(const Box& box);
  void lose(const char* why);
  void read_leaf(Bytes body);
  void read_table(Bytes bytes);
  void read_entry(Bytes entry);
  void read_sample_description(Bytes body);
  void read_fragment_header(ByteReader reader);
  void read_run(ByteReader reader);
  void begin_media(const Box& box);
  void add_track();
  Track* track_of(std::uint32_t id);
  std::uint32_t parent() const { return open_.empty() ? 0 : open_.back().type; }

  State state_ = State::header;
  std::uint64_t offset_ = 0;  // of the next byte
  std::vector<Box> open_;
  Box leaf_;
  ByteVector gathered_;  // of a header, a leaf, or a table's entry
  Table table_;
  std::optional<std::uint64_t> lost_at_;

  std::vector<Track> tracks_;
  Track building_;  // the trak being read
  TrackStructure described_;
  std::optional<Fragment> fragment_;
  Run run_;
  std::uint32_t last_sequence_ = 0;
  bool has_fragments_ = false;
  bool has_movie_ = false;
  std::uint64_t media_begin_ = ~std::uint64_t{0};
  std::uint64_t media_end_ = 0;
  std::optional<std::pair<std::uint64_t, std::uint64_t>> chunks_;  // lowest and highest offset
};

}  // namespace holdfast::audit
