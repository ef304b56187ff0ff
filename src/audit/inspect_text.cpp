#include <algorithm>

#include "audit/inspect.hpp"

namespace holdfast::audit {
namespace {

using media::Ticks;

constexpr std::size_t most_listed = 20;

double seconds(Ticks ticks) {
  return static_cast<double>(ticks) / media::ticks_per_second;
}
std::string length(Ticks ticks) {
  return format_media_time(ticks + media::ticks_per_second);
}
double percent(std::uint64_t part, std::uint64_t all) {
  return all == 0 ? 0 : 100.0 * static_cast<double>(part) / static_cast<double>(all);
}

class Text {
 public:
  Text(const Inspection& inspection, std::size_t width, Charset charset)
      : it_(inspection), width_(width), charset_(charset) {}

  std::string write() {
    text_ = it_.name + '\n';
    if (it_.journal) write_start(*it_.journal);
    line("state", it_.journal && it_.journal->end
                      ? fmt::format("{}: {}", it_.state, to_string(it_.journal->end->reason))
                      : it_.state);
    line("duration", length(it_.last - it_.first));
    write_parts();
    if (it_.journal) {
      write_track("video", it_.journal->tracks[0]);
      write_track("audio", it_.journal->tracks[1]);
    } else {
      write_structure();
    }
    write_gaps();
    if (it_.journal) write_rest(*it_.journal);
    for (const Finding& finding : it_.findings.listed()) {
      if (finding.what != What::no_journal)
        line("finding", fmt::format("{}: {}", to_string(finding.what), finding.detail));
    }
    if (const std::string bar = gap_bar(it_, width_ > 4 ? width_ - 4 : width_, charset_); !bar.empty()) {
      text_ += "  [" + bar + "]\n";
    }
    return std::move(text_);
  }

 private:
  void line(std::string_view name, std::string_view value) {
    text_ += fmt::format("  {:<11}{}\n", name, value);
  }
  void more(std::string_view value) { line("", value); }

  void write_start(const journal::State& journal) {
    line("start", fmt::format("{} by {}", format_rfc3339(journal.start_time), journal.start.program));
    line("stream", journal.start.participant.empty()
                       ? journal.start.mint_id
                       : fmt::format("{}, participant {}", journal.start.mint_id, journal.start.participant));
  }

  void write_parts() {
    const auto count = it_.parts.size();
    line("files", it_.journal ? fmt::format("{}, {} bytes, of which {} are known to be on stable storage",
                                            count, it_.bytes, it_.durable_bytes)
                              : fmt::format("{}, {} bytes", count, it_.bytes));
    for (std::size_t i = 0; i < std::min(count, most_listed); ++i) {
      const PartReport& part = it_.parts[i];
      const std::string reason =
          it_.journal ? fmt::format(", {}", to_string(it_.journal->parts[i].reason)) : "";
      more(fmt::format("{} ({}{}): {}", part.path, part.format, reason,
                       part.missing ? "missing" : fmt::format("{} bytes", part.bytes)));
    }
    if (count > most_listed) more(fmt::format("and {} more", count - most_listed));
  }

  static std::string format_of(const journal::TrackEvent& track) {
    const std::string codec = track.codec == track.written_as
                                  ? track.codec
                                  : fmt::format("{} written as {}", track.codec, track.written_as);
    if (track.kind == "video") return fmt::format("{} {}x{}", codec, track.width, track.height);
    return fmt::format("{}, {} Hz, {} channels", codec, track.sample_rate, track.channels);
  }

  void write_track(std::string_view name, const journal::TrackState& track) {
    if (!track.format) return;
    line(name, format_of(*track.format));
    if (track.ledger) write_ledger(*track.ledger);
    for (const auto& [cause, lost] : track.losses) {
      more(fmt::format("lost ({}): {} packets, {} frames", cause, lost.packets, lost.frames));
    }
    if (track.damaged_spans > 0) {
      more(fmt::format("damaged: {} times, {:.1f} s, {} pictures", track.damaged_spans,
                       seconds(track.damaged_ticks), track.damaged_frames));
    }
    if (track.filler_frames > 0) {
      more(fmt::format("filled: {} inserted frames, {:.1f} s", track.filler_frames,
                       seconds(track.filler_ticks)));
    }
    if (track.mute_count > 0) {
      Ticks muted = 0;
      for (const journal::Span& span : track.mutes_until(it_.journal->reached)) muted += span.to - span.from;
      more(fmt::format("muted: {} times, {:.1f} s", track.mute_count, seconds(muted)));
    }
    if (track.size_changes > 0) {
      std::string sizes = fmt::format("{} size changes:", track.size_changes);
      for (std::size_t i = 0; i < std::min(track.sizes.size(), most_listed); ++i) {
        const journal::SizeChange& size = track.sizes[i];
        sizes += fmt::format(" {}x{} at {}", size.width, size.height, format_media_time(size.pts));
      }
      more(sizes);
    }
    if (const auto drift = drift_ppm(track))
      more(fmt::format("clock: {:+.1f} ppm relative to the publisher's clock", *drift));
  }

  void write_ledger(const journal::LedgerEvent& ledger) {
    more(fmt::format("packets: {} expected; {:.4f} % written, {:.4f} % lost, {:.4f} % dropped",
                     ledger.expected, percent(ledger.written, ledger.expected),
                     percent(ledger.lost, ledger.expected), percent(ledger.dropped, ledger.expected)));
    more(fmt::format("frames: {}, {} filler; {} lost, {} damaged", ledger.frames, ledger.filler_frames,
                     ledger.frames_lost, ledger.frames_damaged));
    const std::uint64_t recovered = ledger.recovered_nack + ledger.recovered_rtx + ledger.recovered_red;
    if (recovered > 0) {
      more(fmt::format("recovered: {} by NACK, {} by RTX, {} by RED", ledger.recovered_nack,
                       ledger.recovered_rtx, ledger.recovered_red));
    }
  }

  void write_structure() {
    for (const PartReport& part : it_.parts) {
      for (const TrackStructure& track : part.structure.tracks) {
        line(media::to_string(track.kind),
             track.kind == media::Kind::video
                 ? fmt::format("{} {}x{}, {} frames, {} key frames", track.codec, track.width, track.height,
                               track.frames, track.key_frames)
                 : fmt::format("{}, {} Hz, {} channels, {} frames", track.codec, track.sample_rate,
                               track.channels, track.frames));
      }
    }
  }

  void write_gaps() {
    const std::uint64_t count = it_.journal ? it_.journal->gap_count : it_.gaps.size();
    Ticks total = 0;
    for (const journal::Gap& gap : it_.gaps) total += gap.span.to - gap.span.from;
    if (count == 0) return line("gaps", "none");
    line("gaps", fmt::format("{}, {:.1f} s", count, seconds(it_.journal ? it_.journal->gap_ticks : total)));
    for (std::size_t i = 0; i < std::min(it_.gaps.size(), most_listed); ++i) {
      const journal::Gap& gap = it_.gaps[i];
      more(fmt::format("{} to {}: {:.1f} s, {}", format_media_time(gap.span.from),
                       format_media_time(gap.span.to), seconds(gap.span.to - gap.span.from), gap.cause));
    }
    if (count > most_listed) more(fmt::format("and {} more", count - most_listed));
  }

  void write_rest(const journal::State& journal) {
    for (const auto& [cause, count] : journal.reconnects)
      line("reconnects", fmt::format("{}: {}", cause, count));
    if (journal.resumed > 0) line("resumed", fmt::format("{} times, each by a new process", journal.resumed));
    for (const std::string& note : journal.format_notes) line("format", note);
    for (const std::string& error : journal.disk_errors) line("disk", error);
    for (std::size_t i = 0; i < std::min(journal.markers.size(), most_listed); ++i) {
      line("marker",
           fmt::format("{}: {}", format_media_time(journal.markers[i].first), journal.markers[i].second));
    }
    if (const auto behind = sound_behind_ms(journal)) {
      line("sound", fmt::format("{:+.1f} ms behind the picture, by the publisher's clock", *behind));
    }
    if (journal.is_protected) line("protected", "retention will not delete it");
  }

  const Inspection& it_;
  const std::size_t width_;
  const Charset charset_;
  std::string text_;
};

}  // namespace

std::string to_text(const Inspection& inspection, std::size_t width, Charset charset) {
  return Text(inspection, width, charset).write();
}

}  // namespace holdfast::audit
