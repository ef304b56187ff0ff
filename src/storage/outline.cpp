#include "storage/outline.hpp"

#include <algorithm>
#include <utility>

namespace holdfast::storage {
namespace {

bool is_of_later(const JournalEvent& event) {
  return std::holds_alternative<ReplacedEvent>(event) || std::holds_alternative<ProtectEvent>(event) ||
         std::holds_alternative<TrimmedEvent>(event);
}

struct Taker {
  Outline& outline;
  WallTime wall;

  void operator()(StartEvent& begun) const {
    outline.start = std::move(begun);
    outline.start_time = wall;
  }
  void operator()(PartEvent& part) const { outline.parts.push_back(std::move(part)); }
  // A process goes on where another ended, or was cut off.
  void operator()(const ResumedEvent&) const { outline.end.reset(); }
  void operator()(TrimmedEvent& trimmed) const {
    // A part without a single frame was set aside as a whole.
    if (trimmed.bytes == 0)
      std::erase_if(outline.parts, [&](const PartEvent& part) { return part.number == trimmed.part; });
    outline.kept_files.push_back(std::move(trimmed.kept_as));
  }
  void operator()(EndEvent& ended) const { outline.end = std::move(ended); }
  void operator()(const ProtectEvent& protect) const { outline.is_protected = protect.on; }
  void operator()(const GapEvent& gap) const {
    ++outline.gaps;
    outline.gap_ticks += std::max<media::Ticks>(0, gap.to_pts - gap.from_pts);
  }
  void operator()(const LossEvent& loss) const {
    outline.packets_lost += loss.packets;
    outline.frames_lost += loss.frames;
  }
  template <typename Other>
  void operator()(const Other&) const {}
};

}  // namespace

void Outline::take(JournalEntry&& entry) {
  if (!is_of_later(entry.event)) last_time = entry.wall;
  std::visit(Taker{*this, entry.wall}, entry.event);
}

bool is_plain_name(std::string_view name) {
  return !name.empty() && name != "." && name != ".." && name.find('/') == std::string_view::npos &&
         name.find('\0') == std::string_view::npos;
}

}  // namespace holdfast::storage
