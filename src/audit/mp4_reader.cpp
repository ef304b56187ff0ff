#include "audit/mp4_reader.hpp"

#include <algorithm>
#include <array>

namespace holdfast::audit {
namespace {

consteval std::uint32_t fourcc(const char (&name)[5]) {
  std::uint32_t value = 0;
  for (int i = 0; i < 4; ++i) value = value << 8 | static_cast<std::uint8_t>(name[i]);
  return value;
}
constexpr std::uint32_t moov = fourcc("moov"), trak = fourcc("trak"), mdia = fourcc("mdia"),
                        minf = fourcc("minf"), stbl = fourcc("stbl"), mvex = fourcc("mvex"),
                        moof = fourcc("moof"), traf = fourcc("traf"), mdat = fourcc("mdat"),
                        tkhd = fourcc("tkhd"), mdhd = fourcc("mdhd"), hdlr = fourcc("hdlr"),
                        stsd = fourcc("stsd"), trex = fourcc("trex"), mfhd = fourcc("mfhd"),
                        tfhd = fourcc("tfhd"), tfdt = fourcc("tfdt"), trun = fourcc("trun"),
                        stsz = fourcc("stsz"), stts = fourcc("stts"), stss = fourcc("stss"),
                        stco = fourcc("stco"), co64 = fourcc("co64");
constexpr std::array top_level = {fourcc("ftyp"), fourcc("styp"), moov,           moof,
                                  mdat,           fourcc("free"), fourcc("skip"), fourcc("wide"),
                                  fourcc("sidx"), fourcc("mfra"), fourcc("uuid"), fourcc("udta"),
                                  fourcc("meta"), fourcc("emsg"), fourcc("prft"), fourcc("pdin")};
constexpr std::array containers = {moov, trak, mdia, minf, stbl, mvex, moof, traf};
constexpr std::array gathered = {tkhd, mdhd, hdlr, stsd, trex, mfhd, tfhd, tfdt, trun};
constexpr std::array tables = {stsz, stts, stss, stco, co64};

// ISO/IEC 14496-12 section 8.8.7 and 8.8.8.
constexpr std::uint32_t tf_base = 1, tf_description = 2, tf_duration = 8, tf_size = 0x10, tf_flags = 0x20;
constexpr std::uint32_t tr_offset = 1, tr_first_flags = 4, tr_duration = 0x100, tr_size = 0x200,
                        tr_flags = 0x400, tr_composition = 0x800;
constexpr std::uint32_t non_sync = 0x10000;
// No clock of a track counts in less than this; products with 90,000 stay within 64 bits for centuries.
constexpr std::uint32_t max_timescale = 10'000'000;

std::string name_of(std::uint32_t type) {
  std::string name;
  for (int shift = 24; shift >= 0; shift -= 8) {
    const auto byte = static_cast<char>(type >> shift & 0xff);
    name += byte >= 0x20 && byte < 0x7f ? byte : '?';
  }
  return name;
}

media::Ticks to_ticks(std::uint64_t time, std::uint32_t timescale) {
  // What no recording lasts is cut off.
  constexpr std::uint64_t longest = std::uint64_t{1} << 40;  // s
  const std::uint64_t scale = std::max(timescale, 1U);
  const std::uint64_t seconds = std::min(time / scale, longest);
  const std::uint64_t ticks =
      seconds * media::ticks_per_second + time % scale * media::ticks_per_second / scale;
  return static_cast<media::Ticks>(ticks);
}

}  // namespace

void Mp4Reader::feed(Bytes bytes) {
  while (!bytes.empty()) {
    std::size_t used = 0;
    if (state_ == State::header) {
      used = read_header(bytes);
    } else {
      used = static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), leaf_.end - offset_));
      if (state_ == State::gather) {
        gathered_.insert(gathered_.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(used));
      } else if (state_ == State::table) {
        read_table(bytes.first(used));
      }
      offset_ += used;
    }
    bytes = bytes.subspan(used);
    if (state_ != State::header && offset_ == leaf_.end) {
      if (state_ == State::gather) read_leaf(gathered_);
      gathered_.clear();
      state_ = State::header;
      end_box(leaf_);
      end_boxes();
    }
  }
}

std::size_t Mp4Reader::read_header(Bytes bytes) {
  constexpr std::size_t least = 8, most = 16;
  const std::size_t before = gathered_.size();
  const bool is_long = before >= least && load_u32(gathered_.data()) == 1;
  const std::size_t want = is_long ? most : least;
  const std::size_t used = std::min(bytes.size(), want - before);
  gathered_.insert(gathered_.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(used));
  offset_ += used;
  if (gathered_.size() < want) return used;
  std::uint64_t size = load_u32(gathered_.data());
  const std::uint32_t type = load_u32(gathered_.data() + 4);
  const std::uint64_t begin = offset_ - gathered_.size();
  if (lost_at_) {
    if (type != moof || size < least + 16 || size > max_gathered) {
      gathered_.erase(gathered_.begin(), gathered_.begin() + 1);
      return used;
    }
    fault(What::structure, *lost_at_, "{} bytes are not MP4 boxes", begin - *lost_at_);
    lost_at_.reset();
  }
  if (size == 1 && want == least) return used;
  if (size == 1) size = load_u64(gathered_.data() + 8);
  const std::size_t header = gathered_.size();
  const bool open_end = size == 0 && open_.empty();
  const bool fits =
      open_end || (size >= header && size <= (open_.empty() ? to_the_end : open_.back().end) - begin);
  const bool known = !open_.empty() || std::ranges::find(top_level, type) != top_level.end();
  if (!fits || !known) {
    lose("a box with impossible contents");
    gathered_.resize(least);
    gathered_.erase(gathered_.begin(), gathered_.begin() + 1);
    return used;
  }
  gathered_.clear();
  begin_box(type, begin, open_end ? to_the_end : begin + size);
  return used;
}

void Mp4Reader::lose(const char* why) {
  const std::uint64_t at = offset_ - gathered_.size();
  fault(What::structure, at, "{} ({})", why, name_of(load_u32(gathered_.data() + 4)));
  lost_at_ = at;
  open_.clear();
  fragment_.reset();
  state_ = State::header;
}

bool Mp4Reader::begin_box(std::uint32_t type, std::uint64_t begin, std::uint64_t end) {
  const Box box{type, begin, end};
  if (open_.empty() && type != mdat && fragment_) {
    fault(What::structure, fragment_->begin, "a fragment without media");
    fragment_.reset();
  }
  if (type == moof && open_.empty()) {
    has_fragments_ = true;
    fragment_ = Fragment{.begin = begin};
  }
  if (type == trak && parent() == moov) building_ = {}, described_ = {};
  if (type == traf) run_ = {};
  if (std::ranges::find(containers, type) != containers.end() &&
      (type == moov || type == moof || !open_.empty())) {
    open_.push_back(box);
    end_boxes();
    return true;
  }
  leaf_ = box;
  state_ = State::skip;
  if (type == mdat && open_.empty()) begin_media(box);
  if (parent() == stbl && std::ranges::find(tables, type) != tables.end()) {
    state_ = State::table;
    table_ = {};
  } else if (!open_.empty() && std::ranges::find(gathered, type) != gathered.end()) {
    if (end - offset_ <= max_gathered) {
      state_ = State::gather;
    } else {
      fault(What::structure, begin, "ignored a box {} of {} bytes", name_of(type), end - begin);
      if (fragment_) fragment_->broken = true;
    }
  }
  if (offset_ == leaf_.end) {
    if (state_ == State::gather) read_leaf({});
    state_ = State::header;
    end_box(leaf_);
    end_boxes();
  }
  return true;
}

void Mp4Reader::end_boxes() {
  while (!open_.empty() && offset_ >= open_.back().end) {
    const Box box = open_.back();
    open_.pop_back();
    end_box(box);
  }
}

void Mp4Reader::end_box(const Box& box) {
  if (box.type == trak && parent() == moov) add_track();
  if (box.type == moov) has_movie_ = true;
  if (!open_.empty() || box.type == moof) return;
  structure_.whole_bytes = box.end;
  if (box.type == mdat && fragment_) {
    if (!fragment_->broken) keep(fragment_->begin, box.end);
    fragment_.reset();
  } else {
    keep(box.begin, box.end);
  }
}

void Mp4Reader::begin_media(const Box& box) {
  media_begin_ = std::min(media_begin_, offset_);
  media_end_ = std::max(media_end_, box.end);
  if (!fragment_ || fragment_->promised == 0) return;
  if (fragment_->lowest < offset_ || fragment_->highest > box.end) {
    fault(What::structure, fragment_->begin, "a fragment points outside its media");
    fragment_->broken = true;
  } else if (fragment_->promised != box.end - offset_) {
    irregular(What::structure, fragment_->begin, "a fragment declares {} bytes of media and has {}",
              fragment_->promised, box.end - offset_);
  }
}

void Mp4Reader::read_leaf(Bytes body) {
  ByteReader reader(body);
  const std::uint32_t head = reader.read_u32();
  const std::uint32_t version = head >> 24;
  switch (leaf_.type) {
    case tkhd:
      reader.skip(version == 1 ? 16 : 8);
      building_.id = reader.read_u32();
      break;
    case mdhd:
      reader.skip(version == 1 ? 16 : 8);
      building_.timescale = std::min(reader.read_u32(), max_timescale);
      break;
    case hdlr: {
      reader.skip(4);
      const std::uint32_t handler = reader.read_u32();
      building_.is_media = handler == fourcc("vide") || handler == fourcc("soun");
      described_.kind = handler == fourcc("vide") ? media::Kind::video : media::Kind::audio;
      break;
    }
    case stsd:
      read_sample_description(reader.rest());
      return;
    case trex:
      if (Track* track = track_of(reader.read_u32())) {
        reader.skip(4);
        track->default_duration = reader.read_u32();
        track->default_size = reader.read_u32();
        track->default_flags = reader.read_u32();
      }
      break;
    case mfhd: {
      const std::uint32_t sequence = reader.read_u32();
      if (last_sequence_ != 0 && sequence != last_sequence_ + 1) {
        irregular(What::continuity, leaf_.begin, "fragment {} follows {}", sequence, last_sequence_);
      }
      last_sequence_ = sequence;
      break;
    }
    case tfhd:
      read_fragment_header(ByteReader(body));
      return;
    case tfdt: {
      if (run_.track == nullptr) return;
      run_.decode_time = version == 1 ? reader.read_u64() : reader.read_u32();
      auto& last = run_.track->last_decode_time;
      if (last && run_.decode_time <= *last) {
        fault(What::times, leaf_.begin, "track {}: the timestamp of a fragment does not increase",
              run_.track->id);
      }
      last = run_.decode_time;
      break;
    }
    case trun:
      read_run(ByteReader(body));
      return;
    default:
      return;
  }
  if (!reader.ok()) fault(What::structure, leaf_.begin, "a box {} is too short", name_of(leaf_.type));
}

void Mp4Reader::read_sample_description(Bytes body) {
  ByteReader reader(body);
  reader.skip(4);  // entry_count
  reader.skip(4);
  const std::uint32_t format = reader.read_u32();
  reader.skip(8);
  reader.skip(8);
  if (described_.kind == media::Kind::video) {
    reader.skip(8);
    described_.width = reader.read_u16();
    described_.height = reader.read_u16();
  } else {
    described_.channels = reader.read_u16();
    reader.skip(6);
    described_.sample_rate = static_cast<int>(reader.read_u32() >> 16);
  }
  if (!reader.ok()) return fault(What::structure, leaf_.begin, "a sample description is too short");
  const bool h264 = format == fourcc("avc1") || format == fourcc("avc3");
  described_.codec = h264                       ? "h264"
                     : format == fourcc("mp4a") ? "aac"
                     : format == fourcc("Opus") ? "opus"
                     : format == fourcc("vp08") ? "vp8"
                                                : name_of(format);
}

void Mp4Reader::add_track() {
  if (!building_.is_media || tracks_.size() >= max_tracks) return;
  building_.index = structure_.tracks.size();
  if (building_.samples > 0) {
    structure_.has_index = true;
    described_.frames = building_.samples;
    described_.key_frames = building_.key_samples.value_or(building_.samples);
    described_.first_pts = media::ticks_per_second;
    described_.last_pts = media::ticks_per_second + to_ticks(building_.duration, building_.timescale);
    structure_.first = media::ticks_per_second;
    structure_.last = std::max(structure_.last.value_or(0), *described_.last_pts);
    if (building_.timed_samples != building_.samples) {
      fault(What::structure, offset_, "track {}: timestamps for {} frames, but sizes for {}", building_.id,
            building_.timed_samples, building_.samples);
    }
  }
  structure_.tracks.push_back(described_);
  tracks_.push_back(building_);
}

Mp4Reader::Track* Mp4Reader::track_of(std::uint32_t id) {
  const auto found = std::ranges::find(tracks_, id, &Track::id);
  return found == tracks_.end() ? nullptr : &*found;
}

void Mp4Reader::read_fragment_header(ByteReader reader) {
  const std::uint32_t flags = reader.read_u32() & 0xffffff;
  run_.track = track_of(reader.read_u32());
  if (run_.track == nullptr || !fragment_) return;
  run_.base = (flags & tf_base) != 0 ? reader.read_u64() : fragment_->begin;
  if ((flags & tf_description) != 0) reader.skip(4);
  run_.duration = (flags & tf_duration) != 0 ? reader.read_u32() : run_.track->default_duration;
  run_.size = (flags & tf_size) != 0 ? reader.read_u32() : run_.track->default_size;
  run_.flags = (flags & tf_flags) != 0 ? reader.read_u32() : run_.track->default_flags;
  if (!reader.ok()) fault(What::structure, leaf_.begin, "a fragment header is too short");
}

void Mp4Reader::read_run(ByteReader reader) {
  if (run_.track == nullptr || !fragment_) {
    return irregular(What::structure, leaf_.begin, "samples of a track that no header declares");
  }
  const std::uint32_t flags = reader.read_u32() & 0xffffff;
  const std::uint32_t count = reader.read_u32();
  std::uint64_t at = run_.next_offset.value_or(run_.base);
  if ((flags & tr_offset) != 0) {
    at = run_.base +
         static_cast<std::uint64_t>(static_cast<std::int64_t>(static_cast<std::int32_t>(reader.read_u32())));
  }
  std::optional<std::uint32_t> first_flags;
  if ((flags & tr_first_flags) != 0) first_flags = reader.read_u32();
  const bool has_fields = (flags & (tr_duration | tr_size | tr_flags | tr_composition)) != 0;
  const std::uint64_t begin = at;
  // Without a field for each, a number alone could ask for work without end.
  constexpr std::uint32_t most_alike = 1 << 20;
  if (!has_fields && count > most_alike) {
    fragment_->broken = true;
    return fault(What::structure, leaf_.begin, "a run of {} samples", count);
  }
  for (std::uint32_t i = 0; i < count && reader.ok(); ++i) {
    const std::uint32_t duration = (flags & tr_duration) != 0 ? reader.read_u32() : run_.duration;
    const std::uint32_t size = (flags & tr_size) != 0 ? reader.read_u32() : run_.size;
    std::uint32_t sample_flags = (flags & tr_flags) != 0 ? reader.read_u32() : run_.flags;
    if (i == 0 && first_flags) sample_flags = *first_flags;
    const auto composition = (flags & tr_composition) != 0 ? static_cast<std::int32_t>(reader.read_u32()) : 0;
    if (!reader.ok()) break;
    const std::int64_t shown = static_cast<std::int64_t>(run_.decode_time) + composition;
    const std::uint32_t scale = run_.track->timescale;
    note_frame({run_.track->index,
                to_ticks(static_cast<std::uint64_t>(std::max<std::int64_t>(shown, 0)), scale),
                to_ticks(duration, scale), (sample_flags & non_sync) == 0, at});
    run_.decode_time += duration;
    at += size;
  }
  run_.next_offset = at;
  fragment_->promised += at - begin;
  fragment_->lowest = std::min(fragment_->lowest, begin);
  fragment_->highest = std::max(fragment_->highest, at);
  if (!reader.ok()) {
    fragment_->broken = true;
    fault(What::structure, leaf_.begin, "a run of samples is too short");
  }
}

void Mp4Reader::read_table(Bytes bytes) {
  while (!bytes.empty()) {
    const std::size_t head = leaf_.type == stsz ? 12 : 8;
    const std::size_t want = table_.begun ? table_.entry_size : head;
    if (table_.begun && table_.left == 0) return;
    const std::size_t used = std::min(bytes.size(), want - gathered_.size());
    gathered_.insert(gathered_.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(used));
    bytes = bytes.subspan(used);
    if (gathered_.size() < want) return;
    if (table_.begun) {
      read_entry(gathered_);
      --table_.left;
    } else {
      table_.begun = true;
      table_.entry_size = leaf_.type == stts || leaf_.type == co64 ? 8 : 4;
      table_.left = load_u32(gathered_.data() + head - 4);
      if (leaf_.type == stsz) {
        building_.fixed_size = load_u32(gathered_.data() + 4);
        building_.samples = table_.left;
        building_.sample_bytes = building_.fixed_size * building_.samples;
        if (building_.fixed_size != 0) table_.left = 0;
      } else if (leaf_.type == stss) {
        building_.key_samples = std::exchange(table_.left, 0);
      }
      const std::uint64_t room = leaf_.end - leaf_.begin;
      if (table_.left * table_.entry_size > room) {
        fault(What::structure, leaf_.begin, "a table {} of {} entries in {} bytes", name_of(leaf_.type),
              table_.left, room);
      }
    }
    gathered_.clear();
  }
}

void Mp4Reader::read_entry(Bytes entry) {
  const std::uint32_t first = load_u32(entry.data());
  switch (leaf_.type) {
    case stsz:
      building_.sample_bytes += first;
      break;
    case stts:
      building_.timed_samples += first;
      building_.duration += std::uint64_t{first} * load_u32(entry.data() + 4);
      break;
    default: {
      const std::uint64_t at = leaf_.type == co64 ? load_u64(entry.data()) : first;
      if (!chunks_) chunks_ = {at, at};
      chunks_->first = std::min(chunks_->first, at);
      chunks_->second = std::max(chunks_->second, at);
    }
  }
}

void Mp4Reader::finish(Ending ending) {
  const bool within =
      lost_at_ || !open_.empty() || state_ != State::header || !gathered_.empty() || fragment_;
  const bool open_end = state_ != State::header && leaf_.end == to_the_end;
  if (lost_at_) {
    fault(What::structure, *lost_at_, "the last {} bytes are not MP4 boxes", offset_ - *lost_at_);
  } else if (within && !open_end) {
    const auto severity = ending == Ending::whole ? Severity::fault : Severity::note;
    report(ending == Ending::whole ? What::structure : What::tail, severity, structure_.whole_bytes,
           fmt::format("the file ends within a {}: the last {} bytes are incomplete",
                       has_movie_ ? "fragment" : "box", offset_ - structure_.whole_bytes));
  }
  if (!has_movie_) {
    fault(What::structure, 0, "no index and no header (moov): the file cannot be played");
  } else if (structure_.has_index && !has_fragments_) {
    std::uint64_t promised = 0;
    for (const Track& track : tracks_) promised += track.sample_bytes;
    if (chunks_ && (chunks_->first < media_begin_ || chunks_->second >= media_end_)) {
      fault(What::structure, 0, "the index points outside the media");
    } else if (promised > media_end_ - std::min(media_begin_, media_end_)) {
      fault(What::structure, 0, "the index declares {} bytes of media, but the file has {}", promised,
            media_end_ - std::min(media_begin_, media_end_));
    }
  }
}

}  // namespace holdfast::audit
