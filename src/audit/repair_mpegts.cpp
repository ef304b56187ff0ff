#include "audit/repair_job.hpp"
#include "audit/ts_repair.hpp"

namespace holdfast::audit {

Result<void> RepairJob::repair_ts() {
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

}  // namespace holdfast::audit
