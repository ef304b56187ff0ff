#pragma once

#include <optional>
#include <string>
#include <vector>

#include "audit/verify.hpp"

namespace holdfast::audit {

// What is known of a recording: from its journal, which is read, and the sizes of its files, which are not;
// of a file without journal, what its structure tells.
struct Inspection {
  std::string name{};   // path of the journal, or of the file
  std::string state{};  // "ended", "active", "interrupted"; "no journal"
  std::optional<journal::State> journal{};
  std::vector<PartReport> parts{};
  std::uint64_t bytes = 0;
  // Under checksums, and so on stable storage; with an end, all.
  std::uint64_t durable_bytes = 0;
  media::Ticks first = media::ticks_per_second;
  media::Ticks last = media::ticks_per_second;
  std::vector<journal::Gap> gaps{};  // as the journal has them, else as the file has
  Findings findings{};               // of the journal, or of the file without one
};

// Errors: not_found, io, invalid.
Result<Inspection> inspect(Disk& disk, const Target& target, const VerifyProgress& progress = {});

// By how much the track's RTP clock runs faster than its publisher's wall clock, in millionths, going by the
// first and last anchor. Nothing within less than 10 s.
std::optional<double> drift_ppm(const journal::TrackState& track);
// By how much sound lies behind its picture in the file, against the publisher's clock, in ms, at the last
// anchors. Nothing when one track has none.
std::optional<double> sound_behind_ms(const journal::State& journal);

enum class Charset : std::uint8_t { utf8, ascii };
// The recording's time from left to right in `width` cells: media, gap in part, gap, muted.
std::string gap_bar(const Inspection& inspection, std::size_t width, Charset charset);

std::string to_text(const Inspection& inspection, std::size_t width, Charset charset);
// One line without newline, as docs/verify.md has it.
std::string to_json(const Inspection& inspection);

}  // namespace holdfast::audit
