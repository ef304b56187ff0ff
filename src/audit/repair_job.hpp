#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "audit/finding.hpp"
#include "audit/new_file.hpp"
#include "audit/repair.hpp"
#include "audit/structure.hpp"
#include "audit/targets.hpp"
#include "codec/h264_bitstream.hpp"
#include "container/muxer.hpp"
#include "journal/state.hpp"

namespace holdfast::audit {

// A path in its pieces.
struct Path {
  std::string folder;  // with its '/', or empty
  std::string stem;
  std::string extension;  // with its dot

  static Path of(const std::string& path);
  std::string file() const { return stem + extension; }
};

// One repair: looks at the input, then makes a new file of it in one of four ways, each in a file of its own.
class RepairJob {
 public:
  RepairJob(Disk& disk, const RepairOptions& options, const VerifyProgress& progress)
      : disk_(disk), options_(options), progress_(progress), input_(Path::of(options.input)) {}

  Result<RepairReport> run();

 private:
  static constexpr std::uint64_t piece = 1 << 20;

  Result<void> look_at_input();
  // The bytes of the input, piece by piece.
  Result<void> each_piece(std::uint64_t from, std::uint64_t to,
                          const std::function<Result<void>(Bytes)>& take);
  Result<void> judge_input();
  void find_changed();
  Result<void> name_output();
  Result<void> make_room(const std::string& path);
  std::unique_ptr<StructureReader> reader_of_output();
  Result<void> make();
  Result<void> copy(std::uint64_t from, std::uint64_t to);
  void left_out(LeftOut&& range);

  // MPEG-TS: frames that are whole.
  Result<void> repair_ts();
  // MP4 and Matroska: fragments and clusters that are whole.
  Result<void> copy_kept();
  // MP4 with an index at its front.
  Result<void> make_mp4_anew();
  // H.264 without a container (ITU-T H.264 Annex B).
  Result<void> mux_raw();
  FrameRate rate_of(const codec::Sps& sps);
  Result<void> mux_units(container::Muxer& muxer, FrameRate rate);

  // The journal of the new file.
  Result<void> write_journal();
  Result<void> save_journal();
  WallTime started() const;
  journal::StartEvent start_event() const;
  std::string mint_id_of_name() const;
  journal::TrackEvent track_event(const TrackStructure& track) const;
  std::string cause_of(const Hole& hole) const;
  void note(journal::Event event, media::Ticks pts, std::optional<WallTime> wall = {});

  Disk& disk_;
  const RepairOptions& options_;
  const VerifyProgress& progress_;
  const Path input_;
  Target target_;
  std::optional<journal::State> journal_;  // of the input, if it has one
  std::string journal_path_;
  container::Format format_ = container::Format::mpegts;
  bool raw_ = false;
  bool sound_ = false;
  media::Ticks near_ = media::ticks_per_second;
  Structure judged_;
  std::vector<Finding> changed_;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> kept_;  // bytes of the input
  Path output_path_;
  Findings of_output_;
  std::unique_ptr<NewFile> output_;
  std::array<std::uint64_t, 2> lost_frames_{};
  ByteVector lines_;  // of the new journal
  std::uint64_t line_count_ = 0;
  RepairReport report_;
};

}  // namespace holdfast::audit
