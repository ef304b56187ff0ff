#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "app/commands.hpp"
#include "app/progress_bar.hpp"
#include "audit/inspect.hpp"
#include "io/posix_disk.hpp"

namespace holdfast::app {
namespace {

// The first that is set counts, as in setlocale(3).
audit::Charset charset_of_locale() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const char* const value = std::getenv(name);
    if (value == nullptr || *value == '\0') continue;
    const std::string_view locale = value;
    const bool utf8 =
        locale.find("UTF-8") != std::string_view::npos || locale.find("utf8") != std::string_view::npos;
    return utf8 ? audit::Charset::utf8 : audit::Charset::ascii;
  }
  return audit::Charset::ascii;
}

int fail_with(const Error& error) {
  fmt::print(stderr, "holdfast: {}\n", error.message);
  return 1;
}

}  // namespace

int run_inspect(const InspectOptions& options) {
  io::PosixDisk disk;
  const auto targets = audit::find_targets(disk, options.input);
  if (!targets) return fail_with(targets.error());
  ProgressBar bar;
  for (const audit::Target& target : *targets) {
    const auto found = audit::inspect(
        disk, target, [&](std::uint64_t done, std::uint64_t total) { bar.show(options.input, done, total); });
    bar.clear();
    if (!found) return fail_with(found.error());
    if (options.json) {
      fmt::print("{}\n", audit::to_json(*found));
    } else {
      fmt::print("{}", audit::to_text(*found, terminal_width(STDOUT_FILENO, 80), charset_of_locale()));
    }
  }
  return 0;
}

}  // namespace holdfast::app
