#include "audit/mkv_reader.hpp"

#include <algorithm>
#include <array>
#include <bit>

namespace holdfast::audit {
namespace {

// RFC 9559 section 5.1, RFC 8794 section 11.2.
enum : std::uint32_t {
  ebml = 0x1a45dfa3,
  segment = 0x18538067,
  seek_head = 0x114d9b74,
  info = 0x1549a966,
  tracks = 0x1654ae6b,
  cluster = 0x1f43b675,
  cues = 0x1c53bb6b,
  tags = 0x1254c367,
  chapters = 0x1043a770,
  attachments = 0x1941a469,
  void_element = 0xec,
  crc32_element = 0xbf,
  timestamp_scale = 0x2ad7b1,
  track_entry = 0xae,
  track_number = 0xd7,
  track_type = 0x83,
  codec_id = 0x86,
  video = 0xe0,
  audio = 0xe1,
  pixel_width = 0xb0,
  pixel_height = 0xba,
  sampling_frequency = 0xb5,
  channels = 0x9f,
  timestamp = 0xe7,
  simple_block = 0xa3,
  block_group = 0xa0,
  block = 0xa1,
};
constexpr std::array<std::uint32_t, 10> in_segment = {
    seek_head, info, tracks, cluster, cues, tags, chapters, attachments, void_element, crc32_element};
// Position, PrevSize, and what is of old.
constexpr std::array<std::uint32_t, 9> in_cluster = {
    timestamp, simple_block, block_group, void_element, crc32_element, 0xa7, 0xab, 0x5854, 0xaf};
constexpr std::array<std::uint32_t, 8> masters = {segment, info,  tracks,  track_entry,
                                                  video,   audio, cluster, block_group};
constexpr std::array<std::uint32_t, 9> gathered = {timestamp_scale, track_number,       track_type,
                                                   codec_id,        pixel_width,        pixel_height,
                                                   channels,        sampling_frequency, timestamp};
constexpr std::size_t max_gathered = 256;
// Track number of up to eight bytes, time, flags.
constexpr std::size_t block_head = 11;
// Pictures are stored in the order in which they are decoded; sound may be waited for.
constexpr media::Ticks furthest_back = 5 * media::ticks_per_second;

bool is_one_of(const auto& list, std::uint32_t id) {
  return std::ranges::find(list, id) != list.end();
}

std::uint64_t read_unsigned(Bytes body) {
  std::uint64_t value = 0;
  for (const std::uint8_t byte : body.first(std::min<std::size_t>(body.size(), 8))) value = value << 8 | byte;
  return value;
}
double read_float(Bytes body) {
  if (body.size() == 4) return std::bit_cast<float>(load_u32(body.data()));
  return body.size() == 8 ? std::bit_cast<double>(load_u64(body.data())) : 0;
}

// A number whose length its first byte tells (RFC 8794 section 4). Length 0: not one.
struct Vint {
  std::size_t length = 0;
  std::uint64_t value = 0;
  bool all_ones = false;
};
Vint vint_of(Bytes bytes) {
  const std::size_t length = static_cast<std::size_t>(std::countl_zero(bytes[0])) + 1;
  if (length > 8 || length > bytes.size()) return {length > 8 ? 0 : length, 0, false};
  const std::uint64_t raw = read_unsigned(bytes.first(length));
  const std::uint64_t mask = (std::uint64_t{1} << 7 * length) - 1;
  return {length, raw & mask, (raw & mask) == mask};
}

// Of nanoseconds; what no recording lasts is cut off.
media::Ticks scale_to_ticks(std::uint64_t units, std::uint64_t scale) {
  constexpr std::uint64_t most = std::uint64_t{1} << 62;
  const std::uint64_t ns = std::min(units, most / scale) * scale;
  return static_cast<media::Ticks>(ns / 100'000 * 9 + ns % 100'000 * 9 / 100'000);
}

std::string codec_name(std::string_view id) {
  if (id == "V_MPEG4/ISO/AVC") return "h264";
  if (id == "V_VP8") return "vp8";
  if (id == "A_OPUS") return "opus";
  return id.starts_with("A_AAC") ? "aac" : std::string(id);
}

}  // namespace

void MkvReader::feed(Bytes bytes) {
  while (!bytes.empty()) {
    std::size_t used = 0;
    if (state_ == State::header) {
      used = read_header(bytes);
    } else {
      used = static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), leaf_.end - offset_));
      if (gathered_.size() < wanted_) {
        const std::size_t more = std::min(used, wanted_ - gathered_.size());
        gathered_.insert(gathered_.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(more));
        if (state_ == State::block && gathered_.size() == wanted_) read_block(gathered_);
      }
      offset_ += used;
    }
    bytes = bytes.subspan(used);
    if (state_ != State::header && offset_ == leaf_.end) {
      if (state_ == State::gather) read_leaf(gathered_);
      gathered_.clear();
      state_ = State::header;
      end_elements();
    }
  }
}

std::size_t MkvReader::read_header(Bytes bytes) {
  gathered_.push_back(bytes[0]);
  ++offset_;
  if (lost_at_) {
    if (gathered_.size() > 4) gathered_.erase(gathered_.begin());
    if (gathered_.size() < 4 || load_u32(gathered_.data()) != cluster) return 1;
    fault(What::structure, *lost_at_, "{} bytes are not Matroska elements", offset_ - 4 - *lost_at_);
    lost_at_.reset();
  }
  const std::uint64_t begin = offset_ - gathered_.size();
  const std::size_t id_length = static_cast<std::size_t>(std::countl_zero(gathered_[0])) + 1;
  if (id_length > 4) return lose("an element without a name"), 1;
  if (gathered_.size() <= id_length) return 1;
  const Vint size = vint_of(Bytes(gathered_).subspan(id_length));
  if (size.length == 0) return lose("an element without a size"), 1;
  if (gathered_.size() < id_length + size.length) return 1;
  const auto id = static_cast<std::uint32_t>(read_unsigned(Bytes(gathered_).first(id_length)));

  // One of unknown size ends where something begins that cannot be in it.
  if (parent() == cluster && open_.back().end == unknown && is_one_of(in_segment, id) &&
      !is_one_of(in_cluster, id)) {
    open_.pop_back();
    close_cluster(begin);
  }
  const bool known = open_.empty()         ? id == ebml || id == segment || id == void_element
                     : parent() == segment ? is_one_of(in_segment, id)
                     : parent() == cluster ? is_one_of(in_cluster, id)
                                           : true;
  const std::uint64_t limit = open_.empty() ? unknown : open_.back().end;
  const bool fits =
      size.all_ones ? id == segment || id == cluster : size.value <= limit - std::min(limit, offset_);
  if (!known || !fits) return lose("an element with impossible contents"), 1;
  gathered_.clear();
  begin_element(id, begin, size.all_ones ? unknown : offset_ + size.value);
  return 1;
}

void MkvReader::lose(const char* why) {
  const std::uint64_t at = offset_ - gathered_.size();
  fault(What::structure, at, "{}", why);
  lost_at_ = at;
  broken_ = true;
  if (cluster_begin_) close_cluster(at);
  // Clusters may follow.
  if (open_.size() > 1) open_.resize(1);
  if (open_.empty()) open_.push_back({segment, at, unknown});
  gathered_.erase(gathered_.begin());
  if (gathered_.size() > 3) gathered_.erase(gathered_.begin(), gathered_.end() - 3);
}

void MkvReader::begin_element(std::uint32_t id, std::uint64_t begin, std::uint64_t end) {
  if (id == cluster && open_.size() == 1) {
    if (!has_header_) {
      has_header_ = true;
      keep(0, begin);
    }
    cluster_begin_ = begin;
    cluster_time_.reset();
    broken_ = false;
  }
  if (id == track_entry) number_ = 0, described_ = {};
  if (is_one_of(masters, id)) {
    open_.push_back({id, begin, end});
    end_elements();
    return;
  }
  leaf_ = {id, begin, end};
  state_ = State::skip;
  wanted_ = 0;
  const std::uint64_t size = end - offset_;
  if (id == simple_block || (id == block && parent() == block_group)) {
    state_ = State::block;
    wanted_ = static_cast<std::size_t>(std::min<std::uint64_t>(size, block_head));
    if (size < 4) fault(What::structure, begin, "a block of {} bytes", size), state_ = State::skip;
  } else if (is_one_of(gathered, id)) {
    if (size <= max_gathered) {
      state_ = State::gather;
      wanted_ = static_cast<std::size_t>(size);
    } else {
      fault(What::structure, begin, "a field of {} bytes", size);
    }
  }
  if (size > 0) return;
  if (state_ == State::gather) read_leaf({});
  state_ = State::header;
  end_elements();
}

void MkvReader::end_elements() {
  while (!open_.empty() && open_.back().end != unknown && offset_ >= open_.back().end) {
    const Element element = open_.back();
    open_.pop_back();
    end_element(element);
  }
  // What is in front of the first cluster, and what is behind clusters, is whole as soon as it is there.
  if (!cluster_begin_ && state_ == State::header) structure_.whole_bytes = offset_;
}

void MkvReader::end_element(const Element& element) {
  if (element.id == cluster) return close_cluster(element.end);
  if (element.id != track_entry || number_ == 0 || tracks_.size() >= max_tracks) return;
  if (!tracks_.contains(number_)) {
    tracks_[number_] = {structure_.tracks.size()};
    structure_.tracks.push_back(described_);
  }
}

void MkvReader::close_cluster(std::uint64_t end) {
  if (!cluster_begin_) return;
  if (!broken_) {
    keep(*cluster_begin_, end);
    structure_.whole_bytes = end;
  }
  cluster_begin_.reset();
}

void MkvReader::read_leaf(Bytes body) {
  switch (leaf_.id) {
    case timestamp_scale:
      scale_ = std::clamp<std::uint64_t>(read_unsigned(body), 1, 1'000'000'000);
      break;
    case track_number:
      number_ = read_unsigned(body);
      break;
    case track_type:
      described_.kind = read_unsigned(body) == 1 ? media::Kind::video : media::Kind::audio;
      break;
    case codec_id:
      described_.codec = codec_name(as_text(body));
      break;
    case pixel_width:
      described_.width = static_cast<int>(read_unsigned(body) & 0xffff);
      break;
    case pixel_height:
      described_.height = static_cast<int>(read_unsigned(body) & 0xffff);
      break;
    case sampling_frequency:
      if (const double rate = read_float(body); rate > 0 && rate < 1e6) {
        described_.sample_rate = static_cast<int>(rate);
      }
      break;
    case channels:
      described_.channels = static_cast<int>(read_unsigned(body) & 0xff);
      break;
    case timestamp:
      if (parent() == cluster) cluster_time_ = read_unsigned(body) & (unknown >> 16);
      break;
    default:
      break;
  }
}

void MkvReader::read_block(Bytes head) {
  const Vint number = vint_of(head);
  if (number.length == 0 || number.length + 3 > head.size()) {
    broken_ = true;
    return fault(What::structure, leaf_.begin, "a block without a track");
  }
  const auto track = tracks_.find(number.value);
  if (track == tracks_.end() || !cluster_time_) {
    broken_ = true;
    return fault(What::structure, leaf_.begin, "a block of track {}, {}", number.value,
                 cluster_time_ ? "which no header declares" : "which has no timestamp");
  }
  const auto relative = static_cast<std::int16_t>(load_u16(head.data() + number.length));
  const std::int64_t units = std::max<std::int64_t>(static_cast<std::int64_t>(*cluster_time_) + relative, 0);
  const media::Ticks pts = scale_to_ticks(static_cast<std::uint64_t>(units), scale_);
  const bool is_simple = leaf_.id == simple_block;
  const TrackStructure& seen = structure_.tracks[track->second.index];
  const media::Ticks back = seen.last_pts ? *seen.last_pts - pts : -1;
  if (seen.kind == media::Kind::audio ? back >= 0 : back > furthest_back) {
    irregular(What::times, leaf_.begin, "track {}: timestamps go back by {} ms", number.value, back / 90);
  }
  const bool key = seen.kind == media::Kind::audio || (is_simple && (head[number.length + 2] & 0x80) != 0);
  const media::Ticks duration = seen.codec == "opus" ? media::ticks_per_second / 50 : 0;
  note_frame({track->second.index, pts, duration, key, leaf_.begin});
}

void MkvReader::finish(Ending ending) {
  if (lost_at_) {
    fault(What::structure, *lost_at_, "the last {} bytes are not Matroska elements", offset_ - *lost_at_);
    return;
  }
  const bool between = state_ == State::header && gathered_.empty();
  if (between && parent() == cluster && open_.back().end == unknown) close_cluster(offset_);
  if (!between || cluster_begin_ || open_.size() > 1) {
    const auto severity = ending == Ending::whole ? Severity::fault : Severity::note;
    report(ending == Ending::whole ? What::structure : What::tail, severity, structure_.whole_bytes,
           fmt::format("the file ends within a cluster: the last {} bytes are incomplete",
                       offset_ - structure_.whole_bytes));
  }
  if (structure_.tracks.empty()) {
    fault(What::structure, 0, "no header with tracks: the file cannot be played");
  }
  if (!has_header_) keep(0, structure_.whole_bytes);
}

}  // namespace holdfast::audit
