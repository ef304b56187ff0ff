#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

#include "app/commands.hpp"
#include "container/export.hpp"

namespace holdfast::app {

int run_export(const ExportOptions& options) {
  const bool terminal = isatty(STDERR_FILENO) == 1;
  const auto existing = options.overwrite ? container::Existing::replace : container::Existing::keep;
  const auto report = container::export_mp4(options.input, options.output, existing, [&](double done) {
    if (terminal) fmt::print(stderr, "\r{}: {:3.0f} %", options.output, done * 100);
    return true;
  });
  if (terminal) fmt::print(stderr, "\n");
  if (!report) {
    fmt::print(stderr, "holdfast: {}\n", report.error().message);
    return 1;
  }
  fmt::print("{}: {:.1f} s, {} video and {} audio frames, {} bytes\n", options.output,
             to_seconds(report->duration), report->video_frames, report->audio_frames, report->bytes);
  if (report->damaged > 0) fmt::print("left out {} damaged frames of {}\n", report->damaged, options.input);
  return 0;
}

}  // namespace holdfast::app
