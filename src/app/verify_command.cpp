#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "app/commands.hpp"
#include "app/progress_bar.hpp"
#include "audit/report_json.hpp"
#include "audit/verify.hpp"
#include "io/posix_disk.hpp"

namespace holdfast::app {
namespace {

using audit::Verdict;

constexpr int sound = 0, damaged = 1, not_read = 2;

std::string place(const audit::Finding& finding) {
  std::string text = finding.file;
  if (finding.packet) {
    text += fmt::format(", packet {} (byte {})", *finding.packet, finding.from.value_or(0));
  } else if (finding.from && finding.to) {
    text += fmt::format(", bytes {} to {}", *finding.from, *finding.to);
  } else if (finding.from) {
    text += fmt::format(", byte {}", *finding.from);
  }
  if (finding.pts) text += ", " + audit::format_media_time(*finding.pts);
  return text;
}

void print_findings(const audit::Findings& findings) {
  std::string_view told;
  for (const audit::Finding& finding : findings.listed()) {
    const bool fault = finding.severity == audit::Severity::fault;
    fmt::print("  {}{}: {}: {}\n", fault ? "" : "note: ", audit::to_string(finding.what), place(finding),
               finding.detail);
    const std::string_view advice = fault ? audit::advice(finding.what) : std::string_view();
    // The same is said once.
    if (!advice.empty() && advice != std::exchange(told, advice)) fmt::print("    {}\n", advice);
  }
  if (findings.left_out() > 0) fmt::print("  and {} more\n", findings.left_out());
}

void print(const audit::Report& report, const VerifyOptions& options) {
  const bool bad = report.verdict == Verdict::damaged || report.verdict == Verdict::unreadable;
  if (options.quiet && !bad) return;
  if (options.json) {
    fmt::print("{}\n", audit::to_json(report));
    return;
  }
  fmt::print("{}: {}\n", report.name, audit::to_string(report.verdict));
  if (!report.error.empty()) fmt::print("  {}\n", report.error);
  print_findings(report.findings);
}

}  // namespace

int run_verify(const VerifyOptions& options) {
  io::PosixDisk disk;
  int status = sound;
  // That something is damaged matters more than that something else could not be read.
  const auto worsen = [&](int to) { status = to == damaged || status == sound ? to : status; };
  for (const std::string& path : options.paths) {
    const auto targets = audit::find_targets(disk, path);
    if (!targets) {
      fmt::print(stderr, "holdfast: {}\n", targets.error().message);
      worsen(not_read);
      continue;
    }
    for (const audit::Target& target : *targets) {
      ProgressBar bar;
      const audit::Report report = audit::verify(disk, target, [&](std::uint64_t read, std::uint64_t total) {
        bar.show(target.folder + (target.journal.empty() ? target.file : target.journal), read, total);
      });
      bar.clear();
      print(report, options);
      if (report.verdict == Verdict::damaged) worsen(damaged);
      if (report.verdict == Verdict::unreadable) worsen(not_read);
    }
  }
  return status;
}

}  // namespace holdfast::app
