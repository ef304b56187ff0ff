#include <algorithm>

#include "audit/repair_job.hpp"
#include "container/export.hpp"

namespace holdfast::audit {

// Its index is of no use without what is missing; what libavformat still reads becomes another file.
Result<void> RepairJob::make_mp4_anew() {
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

}  // namespace holdfast::audit
