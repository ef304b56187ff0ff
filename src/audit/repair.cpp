#include "audit/repair.hpp"

#include <algorithm>
#include <utility>

#include "audit/annexb_reader.hpp"
#include "audit/new_file.hpp"
#include "base/version.hpp"
#include "container/export.hpp"
#include "storage/naming.hpp"
#include "storage/scan.hpp"

namespace holdfast::audit {
namespace {

using media::Ticks;

constexpr std::uint64_t piece = 1 << 20;
struct Path {
  std::string folder;  // with its '/', or empty
  std::string stem;
  std::string extension;  // with its dot

  static Path of(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    const std::string folder = slash == std::string::npos ? "" : path.substr(0, slash + 1);
    const std::string name = path.substr(folder.size());
    const std::size_t dot = name.rfind('.');
    if (dot == std::string::npos || dot == 0) return {folder, name, ""};
    return {folder, name.substr(0, dot), name.substr(dot)};
  }
  std::string file() const { return stem + extension; }
};

class Repairing {
 public:
  Repairing(storage::Disk& disk, const RepairOptions& options, const VerifyProgress& progress)
      : disk_(disk), options_(options), progress_(progress), input_(Path::of(options.input)) {}

  Result<RepairReport> run() {
    if (storage::base_of_journal(input_.file())) {
      return fail(ErrorCode::invalid, "{} is a journal: name the media file to repair", options_.input);
    }
    if (auto found = look_at_input(); !found) return std::unexpected(found.error());
    const auto head = disk_.read(options_.input, 0, 1 << 16);
    if (!head) return std::unexpected(head.error());
    if (const auto format = recognise(*head)) {
      format_ = *format;
    } else if (is_annex_b(*head)) {
      raw_ = true;
    } else {
      return fail(ErrorCode::invalid, "{} is not MPEG-TS, MP4, Matroska or raw H.264", options_.input);
    }
    if (auto judged = judge_input(); !judged) return std::unexpected(judged.error());
    if (auto named = name_output(); !named) return std::unexpected(named.error());
    if (auto made = make(); !made) return std::unexpected(made.error());
    report_.output_bytes = output_->size();
    report_.structure = output_->structure();
    if (!report_.structure.first) {
      return fail(ErrorCode::invalid, "{} has no complete frame: nothing can be salvaged", options_.input);
    }
    if (auto finished = output_->finish(); !finished) return std::unexpected(finished.error());
    report_.structure = output_->structure();
    if (auto written = write_journal(); !written) return std::unexpected(written.error());
    return std::move(report_);
  }

 private:
  Result<void> look_at_input() {
    const auto targets = find_targets(disk_, options_.input);
    if (!targets) return std::unexpected(targets.error());
    target_ = targets->at(0);
    if (targets->size() != 1 || (target_.journal.empty() && target_.file != input_.file())) {
      return fail(ErrorCode::invalid, "{} is a folder: name the file to repair", options_.input);
    }
    const auto sizes = list_files(disk_, input_.folder);
    if (!sizes) return std::unexpected(sizes.error());
    const auto size = sizes->find(input_.file());
    if (size == sizes->end()) return fail(ErrorCode::not_found, "{}: no such file", options_.input);
    report_.input_bytes = size->second;
    if (target_.journal.empty()) return {};
    const std::string journal = target_.folder + target_.journal;
    if (storage::is_locked(disk_, journal)) {
      return fail(ErrorCode::conflict, "{} is being recorded: repair it after the recording has ended",
                  options_.input);
    }
    Findings ignored;
    auto facts = read_journal_facts(disk_, journal, ignored);
    if (!facts) return std::unexpected(facts.error());
    const auto part = std::ranges::find(facts->parts, input_.file(), &PartStory::file);
    if (part != facts->parts.end()) near_ = part->pts;
    journal_ = *std::move(facts);
    return {};
  }

  static bool is_annex_b(Bytes head) {
    std::size_t at = 0;
    while (at < head.size() && head[at] == 0) ++at;
    return at >= 2 && at + 1 < head.size() && head[at] == 1 && (head[at + 1] & 0x80) == 0;
  }

  Result<void> each_piece(std::uint64_t from, std::uint64_t to,
                          const std::function<Result<void>(Bytes)>& take) {
    for (std::uint64_t at = from; at < to;) {
      const auto bytes = disk_.read(options_.input, at, std::min(piece, to - at));
      if (!bytes) return std::unexpected(bytes.error());
      if (bytes->empty()) break;
      if (auto taken = take(*bytes); !taken) return taken;
      at += bytes->size();
      if (progress_) progress_(at, report_.input_bytes);
    }
    return {};
  }

  // What is wrong with it, and which bytes of MP4 and Matroska are whole.
  Result<void> judge_input() {
    if (raw_) return {};
    Findings findings;
    const auto reader = make_structure_reader(format_, findings, options_.input,
                                              journal_ ? Rules::ours : Rules::anybodys, near_);
    reader->on_keep([this](std::uint64_t from, std::uint64_t to) {
      if (!kept_.empty() && kept_.back().second == from) {
        kept_.back().second = to;
      } else {
        kept_.emplace_back(from, to);
      }
    });
    auto read = each_piece(0, report_.input_bytes, [&](Bytes bytes) -> Result<void> {
      reader->feed(bytes);
      return {};
    });
    if (!read) return read;
    reader->finish(Ending::whole);
    sound_ = findings.faults() == 0;
    judged_ = reader->structure();
    if (journal_) find_changed();
    return {};
  }

  // A bit that is wrong within a picture breaks no structure: only the old checksums know of it, and the new
  // file has it too.
  void find_changed() {
    const Report report = verify(disk_, target_);
    for (const Finding& finding : report.findings.listed()) {
      if (finding.what != What::checksum || finding.file != options_.input) continue;
      changed_.push_back(finding);
      report_.remarks.push_back(
          fmt::format("bytes {} to {} of the input were changed after they were written; playable media in "
                      "this range was kept",
                      *finding.from, *finding.to));
    }
  }

  // Names and whether they are free.
  Result<void> name_output() {
    report_.only_journal = sound_ && !raw_ && options_.output.empty() && !journal_;
    const std::string extension(container::file_extension(format_));
    if (report_.only_journal) {
      output_path_ = input_;
    } else if (!options_.output.empty()) {
      output_path_ = Path::of(options_.output);
      if (output_path_.extension != '.' + extension) {
        return fail(ErrorCode::invalid, "the name of the output must end in .{}", extension);
      }
    } else {
      output_path_ = {input_.folder, input_.stem + "_repaired", '.' + extension};
    }
    report_.output = output_path_.folder + output_path_.file();
    report_.journal = output_path_.folder + storage::journal_name(output_path_.stem);
    if (!report_.only_journal) {
      if (report_.output == options_.input) {
        return fail(ErrorCode::conflict, "{} is the input, which repair never changes: choose another name",
                    report_.output);
      }
      if (auto free = make_room(report_.output); !free) return free;
    }
    return make_room(report_.journal);
  }

  Result<void> make_room(const std::string& path) {
    if (!disk_.read(path, 0, 1)) return {};
    if (!options_.overwrite) {
      return fail(ErrorCode::conflict, "{} exists: choose another name, or replace it (--overwrite)", path);
    }
    if (journal_ && path == journal_->path) {
      return fail(ErrorCode::conflict,
                  "{} is the journal of the input, which repair never changes: choose another name", path);
    }
    return {};
  }

  std::unique_ptr<StructureReader> reader_of_output() {
    return make_structure_reader(format_, of_output_, report_.output, Rules::anybodys, near_);
  }

  Result<void> make() {
    report_.format = container::to_string(format_);
    const bool needs_index = format_ == container::Format::mp4 && judged_.has_index && !sound_ && !raw_;
    if (needs_index) return make_mp4_anew();
    output_ = std::make_unique<NewFile>(disk_, report_.output, reader_of_output());
    if (report_.only_journal) return copy(0, report_.input_bytes);
    if (auto created = output_->create(); !created) return created;
    if (raw_) return mux_raw();
    if (sound_) return copy(0, report_.input_bytes);
    return format_ == container::Format::mpegts ? repair_ts() : copy_kept();
  }

  Result<void> copy(std::uint64_t from, std::uint64_t to) {
    return each_piece(from, to, [this](Bytes bytes) { return output_->append(bytes); });
  }

  void left_out(LeftOut&& range) {
    ++report_.left_out_count;
    report_.left_out_bytes += range.to - range.from;
    if (report_.left_out.size() < RepairReport::max_left_out) report_.left_out.push_back(std::move(range));
  }

  Result<void> repair_ts() {
    ByteVector out;
    TsRepair repairing(out, [this](LeftOut&& range) { left_out(std::move(range)); });
    const auto flush = [&]() -> Result<void> {
      auto written = output_->append(out);
      out.clear();
      return written;
    };
    auto read = each_piece(0, report_.input_bytes, [&](Bytes bytes) {
      repairing.feed(bytes);
      return flush();
    });
    if (!read) return read;
    repairing.finish();
    if (!repairing.has_tables()) {
      return fail(ErrorCode::invalid, "{} has no program tables (PAT, PMT): nothing can be salvaged",
                  options_.input);
    }
    for (const TsRepair::Stream& stream : repairing.streams()) {
      report_.frames_left_out += stream.frames_left_out;
      lost_frames_[stream.kind == media::Kind::video ? 0 : 1] += stream.frames_left_out;
    }
    return flush();
  }

  // Fragments and clusters that are whole.
  Result<void> copy_kept() {
    std::uint64_t reached = 0;
    const auto skip = [&](std::uint64_t to) {
      if (to > reached) left_out({reached, to, std::nullopt, "incomplete"});
    };
    for (const auto& [from, to] : kept_) {
      skip(from);
      if (auto copied = copy(from, to); !copied) return copied;
      reached = to;
    }
    skip(report_.input_bytes);
    return {};
  }

  // Its index is of no use without what is missing; what libavformat still reads becomes another file.
  Result<void> make_mp4_anew() {
    const auto existing = options_.overwrite ? container::Existing::replace : container::Existing::keep;
    const auto exported = container::export_mp4(options_.input, report_.output, existing);
    if (!exported) return std::unexpected(exported.error());
    report_.remarks.push_back("the index was rebuilt from the media that could be read");
    report_.frames_left_out += exported->damaged;
    output_ = std::make_unique<NewFile>(disk_, report_.output, reader_of_output());
    for (std::uint64_t at = 0; at < exported->bytes;) {
      const auto bytes = disk_.read(report_.output, at, piece);
      if (!bytes) return std::unexpected(bytes.error());
      if (bytes->empty()) break;
      if (auto appended = output_->append(*bytes); !appended) return appended;
      at += bytes->size();
    }
    return {};
  }

  Result<void> mux_raw() {
    // Once for what the muxer must know before the first frame.
    std::uint64_t units = 0, bidirectional = 0;
    AnnexBReader scout([&](const AnnexBReader::AccessUnit& unit) {
      ++units;
      if (unit.is_bidirectional) ++bidirectional;
    });
    auto looked = each_piece(0, report_.input_bytes, [&](Bytes bytes) -> Result<void> {
      scout.feed(bytes);
      return {};
    });
    if (!looked) return looked;
    scout.finish();
    const ByteVector parameter_sets = scout.parameter_sets();
    if (parameter_sets.empty() || units == 0) {
      return fail(ErrorCode::invalid,
                  "{}: no picture, or no parameter sets (SPS, PPS), which are needed to decode pictures",
                  options_.input);
    }
    if (bidirectional > 0) {
      return fail(ErrorCode::unsupported,
                  "{} has B-frames, whose display order differs from the stored order, and raw H.264 has no "
                  "timestamps: convert it with ffmpeg -r RATE -i {} OUT.mp4",
                  options_.input, options_.input);
    }
    const FrameRate rate = rate_of(*scout.sps());
    auto muxer = container::make_muxer(container::Format::mpegts,
                                       {media::TrackFormat{media::Codec::h264, scout.sps()->width,
                                                           scout.sps()->height, 0, 0, parameter_sets}});
    if (!muxer) return std::unexpected(muxer.error());
    return mux_units(**muxer, rate);
  }

  FrameRate rate_of(const codec::Sps& sps) {
    FrameRate rate;
    const char* source = "assumed, because neither the stream nor --fps sets it";
    if (options_.frame_rate) {
      rate = *options_.frame_rate;
      source = "from --fps";
    } else if (sps.units_in_tick > 0 && sps.time_scale > 0) {
      // Two ticks a frame (ITU-T H.264 section E.2.1).
      const double frames = static_cast<double>(sps.time_scale) / (2.0 * sps.units_in_tick);
      if (frames >= 1 && frames <= 240 && sps.units_in_tick <= 1U << 30) {
        rate = {sps.time_scale, 2 * sps.units_in_tick};
        source = "from the stream's SPS";
      }
    }
    report_.remarks.push_back(
        fmt::format("{:.3f} frames per second, {}", static_cast<double>(rate.frames) / rate.seconds, source));
    return rate;
  }

  Result<void> mux_units(container::Muxer& muxer, FrameRate rate) {
    std::uint64_t number = 0;
    ByteVector out;
    Result<void> muxed;
    bool has_key = false;
    std::uint64_t before_key = 0;
    AnnexBReader reader([&](const AnnexBReader::AccessUnit& unit) {
      has_key |= unit.picture == media::Picture::key;
      if (!muxed || !has_key) {
        before_key += has_key ? 0 : unit.bytes.size();
        return;
      }
      media::Frame frame;
      frame.codec = media::Codec::h264;
      // The ticks of whole seconds and of the rest apart: no product becomes too large.
      const std::uint64_t units = number++ * rate.seconds;
      frame.pts = frame.dts = media::ticks_per_second +
                              static_cast<Ticks>(units / rate.frames * media::ticks_per_second +
                                                 units % rate.frames * media::ticks_per_second / rate.frames);
      frame.picture = unit.picture;
      frame.payload = unit.bytes;
      muxed = muxer.write(frame, out);
    });
    auto read = each_piece(0, report_.input_bytes, [&](Bytes bytes) -> Result<void> {
      reader.feed(bytes);
      if (!muxed) return muxed;
      auto written = output_->append(out);
      out.clear();
      return written;
    });
    if (!read) return read;
    reader.finish();
    if (!muxed) return muxed;
    if (auto ended = muxer.finish(out); !ended) return ended;
    if (before_key > 0) {
      report_.remarks.push_back(fmt::format("left out {} bytes before the first key frame", before_key));
    }
    if (reader.left_out() > 0) {
      report_.remarks.push_back(
          fmt::format("left out {} bytes that belong to no picture", reader.left_out()));
    }
    report_.left_out_bytes = before_key + reader.left_out();
    return output_->append(out);
  }

  Result<void> write_journal() {
    const Structure& structure = report_.structure;
    const Ticks first = *structure.first;
    note(start_event(), 0, started());
    note(storage::PartEvent{1, output_path_.file(), report_.format, "repaired"}, first);
    for (const TrackStructure& track : structure.tracks) {
      if (track.frames > 0) note(track_event(track), first);
    }
    for (const Hole& hole : structure.holes) {
      note(storage::GapEvent{hole.from, hole.to, cause_of(hole)}, hole.to);
    }
    const Ticks last = *structure.last;
    for (int track = 0; track < 2; ++track) {
      const std::uint64_t frames = lost_frames_[static_cast<std::size_t>(track)];
      if (frames > 0) note(storage::LossEvent{track, 0, frames, "repair"}, last);
    }
    for (const Finding& finding : changed_) {
      note(storage::MarkerEvent{fmt::format("near here the repaired file was damaged: bytes {} to {} of {}",
                                            *finding.from, *finding.to, input_.file())},
           finding.pts.value_or(last));
    }
    for (const storage::ChecksumEvent& checksum : output_->checksums()) note(checksum, last);
    note(storage::EndEvent{"repaired", to_seconds(media::to_duration(last - first)), output_->size(), 1},
         last);
    return save_journal();
  }

  Result<void> save_journal() {
    const std::string partial = report_.journal + ".partial";
    auto file = disk_.create(partial);
    if (!file) return std::unexpected(file.error());
    auto saved = (*file)->append(lines_);
    if (saved) saved = (*file)->sync();
    if (saved) saved = disk_.rename(partial, report_.journal);
    if (!saved) {
      [[maybe_unused]] const auto removed = disk_.remove(partial);  // that it failed is told already
    }
    return saved;
  }

  // When the recording began, as far as anything tells.
  WallTime started() const {
    return journal_ && journal_->started != WallTime{} ? journal_->started : options_.now;
  }

  storage::StartEvent start_event() const {
    storage::StartEvent start = journal_ ? journal_->start : storage::StartEvent{};
    start.journal = storage::journal_version;
    start.program = program_version();
    start.recording_id = output_path_.stem;
    if (start.mint_id.empty()) start.mint_id = mint_id_of_name();
    start.format = report_.format;
    return start;
  }

  // "{mint_id}_{start time}", as we name files; else all of it.
  std::string mint_id_of_name() const {
    const std::size_t at = input_.stem.find("_20");
    const auto id = storage::unescape_id(std::string_view(input_.stem).substr(0, at));
    return id && !id->empty() ? *id : input_.stem;
  }

  storage::TrackEvent track_event(const TrackStructure& track) const {
    const bool video = track.kind == media::Kind::video;
    storage::TrackEvent event;
    const auto known = journal_ ? journal_->tracks[video ? 0 : 1].format : std::nullopt;
    event.track = video ? 0 : 1;
    event.kind = media::to_string(track.kind);
    event.codec = known ? known->codec : track.codec;
    event.written_as = track.codec;
    event.width = track.width;
    event.height = track.height;
    event.sample_rate = track.sample_rate;
    event.channels = track.channels;
    return event;
  }

  // A gap that the journal knew is still one for the same reason.
  std::string cause_of(const Hole& hole) const {
    if (journal_) {
      for (const GapStory& gap : journal_->gaps) {
        if (gap.span.from <= hole.to && gap.span.to >= hole.from) return gap.cause;
      }
    }
    return sound_ ? "unknown" : "repair";
  }

  void note(storage::JournalEvent event, Ticks pts, std::optional<WallTime> wall = {}) {
    storage::serialize(
        {.number = ++line_count_, .wall = wall.value_or(options_.now), .pts = pts, .event = std::move(event)},
        lines_);
  }

  storage::Disk& disk_;
  const RepairOptions& options_;
  const VerifyProgress& progress_;
  const Path input_;
  Target target_;
  std::optional<JournalFacts> journal_;
  container::Format format_ = container::Format::mpegts;
  bool raw_ = false;
  bool sound_ = false;
  Ticks near_ = media::ticks_per_second;
  Structure judged_;
  std::vector<Finding> changed_;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> kept_;
  Path output_path_;
  Findings of_output_;
  std::unique_ptr<NewFile> output_;
  std::array<std::uint64_t, 2> lost_frames_{};
  ByteVector lines_;
  std::uint64_t line_count_ = 0;
  RepairReport report_;
};

}  // namespace

Result<RepairReport> repair(storage::Disk& disk, const RepairOptions& options,
                            const VerifyProgress& progress) {
  return Repairing(disk, options, progress).run();
}

}  // namespace holdfast::audit
