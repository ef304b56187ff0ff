#include "container/export.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "container/av.hpp"
#include "container/partial_file.hpp"
#include "container/whole_frames.hpp"

namespace holdfast::container {
namespace {

ErrorCode code_of(int av_error) {
  switch (av_error) {
    case AVERROR(ENOENT):
      return ErrorCode::not_found;
    case AVERROR_INVALIDDATA:
      return ErrorCode::invalid;
    default:
      return ErrorCode::io;
  }
}

// Unwraps the 33-bit times of MPEG-TS against the time before, of whichever track, so that a recording may be
// longer than 26.5 h. libavformat would do it once only. Other formats pass as they are.
class Unwrapper {
 public:
  void set_bits(int bits) { bits_ = bits; }

  std::int64_t unwrap(std::int64_t time) {
    if (bits_ >= 63) return time;
    if (last_) {
      const std::int64_t period = std::int64_t{1} << bits_;
      const std::int64_t step = ((time - *last_) % period + period) % period;
      time = *last_ + (step < period / 2 ? step : step - period);
    }
    last_ = time;
    return time;
  }

 private:
  int bits_ = 64;
  std::optional<std::int64_t> last_;
};

// What libavformat is to open. An MP4 that is being written, or was cut off, may end within a fragment:
// FFmpeg 7 takes that for damage of all, so it is shown the whole fragments and no more.
std::string input_url(const std::string& path) {
  const std::string file = "file:" + path;  // whatever characters the path has
  std::ifstream in(path, std::ios::binary);
  std::error_code error;
  const std::uint64_t size = std::filesystem::file_size(path, error);
  if (!in || error) return file;  // libavformat says why
  const ReadAt read = [&in](std::uint64_t offset, std::uint64_t count) -> Result<ByteVector> {
    ByteVector bytes(static_cast<std::size_t>(count));
    in.clear();
    in.seekg(static_cast<std::streamoff>(offset));
    in.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    bytes.resize(static_cast<std::size_t>(in.gcount()));
    return bytes;
  };
  const auto start = read(0, 8);
  if (start->size() < 8 || as_text(Bytes(*start).subspan(4)) != "ftyp") return file;
  const auto whole = find_whole_part(Format::mp4, size, read);
  if (!whole || whole->size == 0 || whole->size == size) return file;
  return fmt::format("subfile,,start,0,end,{},,:{}", whole->size, file);
}

// One run from an input to a partial file.
class Remux {
 public:
  Remux(std::string input, std::string output, const ExportProgress& progress)
      : input_path_(std::move(input)),
        output_path_(std::move(output)),
        progress_(progress),
        packet_(av_packet_alloc()) {}
  ~Remux() {
    if (output_ && output_->pb != nullptr) avio_closep(&output_->pb);
  }
  Remux(const Remux&) = delete;
  Remux& operator=(const Remux&) = delete;

  Result<ExportReport> run() {
    if (auto opened = open_input(); !opened) return std::unexpected(opened.error());
    if (auto opened = open_output(); !opened) return std::unexpected(opened.error());
    if (auto copied = copy(); !copied) return std::unexpected(copied.error());
    if (auto ended = check_output(av_write_trailer(output_.get())); !ended) {
      return std::unexpected(ended.error());
    }
    if (auto closed = check_output(avio_closep(&output_->pb)); !closed) {
      return std::unexpected(closed.error());
    }
    if (report_.video_frames + report_.audio_frames == 0) {
      return fail(ErrorCode::invalid, "{} has no complete frame", input_path_);
    }
    return report_;
  }

 private:
  // A track of the input.
  struct Track {
    int output_index = -1;                  // of a track that does not go, -1
    std::optional<std::int64_t> first_pts;  // in the output's time base
    std::optional<std::int64_t> last_dts;
    std::int64_t last_step = 0;
  };

  Result<void> open_input() {
    AVFormatContext* input = avformat_alloc_context();
    if (input == nullptr) return fail(ErrorCode::internal, "out of memory");
    input->correct_ts_overflow = 0;
    // In MPEG-TS a track may begin late: look far enough to find it.
    input->probesize = 50 << 20;
    input->max_analyze_duration = 10LL * AV_TIME_BASE;
    const int opened = avformat_open_input(&input, input_url(input_path_).c_str(), nullptr, nullptr);
    if (opened < 0) return fail(code_of(opened), "cannot read {}: {}", input_path_, av::describe(opened));
    input_.reset(input);
    const int found = avformat_find_stream_info(input, nullptr);
    if (found < 0) return fail(code_of(found), "cannot read {}: {}", input_path_, av::describe(found));
    return {};
  }

  Result<void> open_output() {
    const std::string url = "file:" + output_path_;  // whatever characters the path has
    AVFormatContext* output = nullptr;
    if (auto made = check_output(avformat_alloc_output_context2(&output, nullptr, "mp4", url.c_str()));
        !made) {
      return made;
    }
    output_.reset(output);
    output->avoid_negative_ts = AVFMT_AVOID_NEG_TS_MAKE_ZERO;
    for (unsigned i = 0; i < input_->nb_streams; ++i) {
      if (auto added = add_track(*input_->streams[i]); !added) return added;
    }
    if (input_->nb_streams > 0) times_.set_bits(input_->streams[0]->pts_wrap_bits);
    if (output->nb_streams == 0) return fail(ErrorCode::invalid, "{} has no audio or video", input_path_);
    const int opened = avio_open(&output->pb, url.c_str(), AVIO_FLAG_WRITE);
    if (auto checked = check_output(opened); !checked) return checked;
    AVDictionary* options = nullptr;
    av_dict_set(&options, "movflags", "faststart", 0);
    const int begun = avformat_write_header(output, &options);
    av_dict_free(&options);
    return check_output(begun);
  }

  Result<void> add_track(const AVStream& source) {
    const AVCodecParameters& parameters = *source.codecpar;
    const bool media =
        parameters.codec_type == AVMEDIA_TYPE_VIDEO || parameters.codec_type == AVMEDIA_TYPE_AUDIO;
    // A track that was announced but never came has no size or rate.
    const bool known =
        parameters.codec_type == AVMEDIA_TYPE_VIDEO ? parameters.width > 0 : parameters.sample_rate > 0;
    tracks_.emplace_back();
    if (!media || !known) return {};
    if (avformat_query_codec(output_->oformat, parameters.codec_id, FF_COMPLIANCE_NORMAL) != 1) {
      return fail(ErrorCode::unsupported, "MP4 cannot store {}: use {} as it is",
                  avcodec_get_name(parameters.codec_id), input_path_);
    }
    AVStream* const stream = avformat_new_stream(output_.get(), nullptr);
    if (stream == nullptr) return check_output(AVERROR(ENOMEM));
    if (auto copied = check_output(avcodec_parameters_copy(stream->codecpar, &parameters)); !copied) {
      return copied;
    }
    stream->codecpar->codec_tag = 0;
    stream->time_base = source.time_base;
    stream->avg_frame_rate = source.avg_frame_rate;
    tracks_.back().output_index = stream->index;
    return {};
  }

  Result<void> copy() {
    while (true) {
      const int read = av_read_frame(input_.get(), packet_.get());
      // A cut tail is the end, as is what a broken one is taken for.
      if (read == AVERROR_EOF || read == AVERROR_INVALIDDATA) return {};
      if (read < 0) return fail(ErrorCode::io, "cannot read {}: {}", input_path_, av::describe(read));
      auto written = write_packet();
      av_packet_unref(packet_.get());
      if (!written) return written;
      if (!tell_progress()) {
        return fail(ErrorCode::unavailable, "the export of {} was cancelled", input_path_);
      }
    }
  }

  Result<void> write_packet() {
    const auto index = static_cast<std::size_t>(packet_->stream_index);
    if (index >= tracks_.size() || tracks_[index].output_index < 0) return {};
    Track& track = tracks_[index];
    if (!set_times(track)) {
      ++report_.damaged;
      return {};
    }
    const AVMediaType type = input_->streams[index]->codecpar->codec_type;
    packet_->stream_index = track.output_index;
    if (auto written = check_output(av_interleaved_write_frame(output_.get(), packet_.get())); !written) {
      return written;
    }
    ++(type == AVMEDIA_TYPE_VIDEO ? report_.video_frames : report_.audio_frames);
    return {};
  }

  // False when the packet is cut or from the past.
  bool set_times(Track& track) {
    if ((packet_->flags & AV_PKT_FLAG_CORRUPT) != 0) return false;
    if (packet_->dts == AV_NOPTS_VALUE) packet_->dts = packet_->pts;
    if (packet_->dts == AV_NOPTS_VALUE) return false;
    if (packet_->pts == AV_NOPTS_VALUE) packet_->pts = packet_->dts;
    packet_->dts = times_.unwrap(packet_->dts);
    packet_->pts = std::max(times_.unwrap(packet_->pts), packet_->dts);
    const AVRational from = input_->streams[packet_->stream_index]->time_base;
    av_packet_rescale_ts(packet_.get(), from, output_->streams[track.output_index]->time_base);
    if (track.last_dts && packet_->dts <= *track.last_dts) return false;
    note_duration(track);
    return true;
  }

  void note_duration(Track& track) {
    if (!track.first_pts) track.first_pts = packet_->pts;
    if (track.last_dts) track.last_step = packet_->dts - *track.last_dts;
    track.last_dts = packet_->dts;
    const std::int64_t length =
        packet_->pts - *track.first_pts + (packet_->duration > 0 ? packet_->duration : track.last_step);
    const AVRational unit = output_->streams[track.output_index]->time_base;
    report_.duration = std::max(report_.duration, Duration(av_rescale_q(length, unit, {1, 1'000'000'000})));
  }

  bool tell_progress() {
    if (!progress_) return true;
    const std::int64_t size = avio_size(input_->pb);
    const std::int64_t percent =
        size > 0 ? std::min<std::int64_t>(avio_tell(input_->pb) * 100 / size, 100) : 0;
    if (percent <= percent_told_) return true;
    percent_told_ = percent;
    return progress_(static_cast<double>(percent) / 100);
  }

  Result<void> check_output(int code) const {
    if (code >= 0) return {};
    return fail(ErrorCode::io, "cannot write {}: {}", output_path_, av::describe(code));
  }

  std::string input_path_;
  std::string output_path_;
  const ExportProgress& progress_;
  av::Packet packet_;
  av::InputContext input_;
  av::OutputContext output_;
  std::vector<Track> tracks_;  // of the input
  Unwrapper times_;
  std::int64_t percent_told_ = -1;
  ExportReport report_;
};

}  // namespace

Result<ExportReport> export_mp4(const std::string& input, const std::string& output, Existing existing,
                                const ExportProgress& progress) {
  if (existing == Existing::keep && std::filesystem::exists(output)) return PartialFile::exists(output);
  PartialFile partial(output);
  auto report = [&] { return Remux(input, partial.path(), progress).run(); }();
  if (!report) return report;
  const auto size = partial.keep(existing);
  if (!size) return std::unexpected(size.error());
  report->bytes = *size;
  return report;
}

}  // namespace holdfast::container
