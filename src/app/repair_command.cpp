#include <fmt/format.h>

#include <cstdio>

#include "app/commands.hpp"
#include "app/progress_bar.hpp"
#include "audit/repair.hpp"
#include "io/clock.hpp"
#include "io/posix_disk.hpp"

namespace holdfast::app {
namespace {

void print_left_out(const audit::RepairReport& report) {
  for (const audit::LeftOut& range : report.left_out) {
    const std::string time = range.pts ? fmt::format(", after {}", audit::format_media_time(*range.pts)) : "";
    fmt::print("  left out: bytes {} to {}{}: {}\n", range.from, range.to, time, range.why);
  }
  if (report.left_out_count > report.left_out.size()) {
    fmt::print("  and {} more\n", report.left_out_count - report.left_out.size());
  }
}

}  // namespace

int run_repair(const RepairOptions& options) {
  io::PosixDisk disk;
  ProgressBar bar;
  audit::RepairOptions what{.input = options.input, .output = options.output, .overwrite = options.overwrite};
  what.frame_rate = options.frame_rate;
  what.now = io::read_wall_clock();
  const auto report = audit::repair(
      disk, what, [&](std::uint64_t done, std::uint64_t total) { bar.show(options.input, done, total); });
  bar.clear();
  if (!report) {
    fmt::print(stderr, "holdfast: {}\n", report.error().message);
    return 1;
  }
  if (report->only_journal) {
    fmt::print("{}: no damage found; wrote its journal: {}\n", report->output, report->journal);
  } else {
    fmt::print("{}: {} of {} bytes; left out {} frames and {} bytes; wrote its journal: {}\n", report->output,
               report->output_bytes, report->input_bytes, report->frames_left_out, report->left_out_bytes,
               report->journal);
  }
  for (const std::string& remark : report->remarks) fmt::print("  {}\n", remark);
  print_left_out(*report);
  return 0;
}

}  // namespace holdfast::app
