#include "app/progress_bar.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace holdfast::app {

ProgressBar::ProgressBar() : terminal_(isatty(STDERR_FILENO) == 1) {}

void ProgressBar::show(const std::string& name, std::uint64_t done, std::uint64_t total) {
  if (!terminal_ || total == 0) return;
  const std::uint64_t percent = std::min(done, total) / ((total + 99) / 100);
  if (percent == shown_) return;
  shown_ = percent;
  constexpr std::uint64_t width = 30;
  const std::uint64_t filled = percent * width / 100;
  const std::size_t room = std::max<std::size_t>(terminal_width(STDERR_FILENO, 80), width + 20) - width - 10;
  const std::string tail = name.size() > room ? "..." + name.substr(name.size() - room + 3) : name;
  fmt::print(stderr, "\r\033[K[{}{}] {:3} % {}", std::string(filled, '#'), std::string(width - filled, ' '),
             percent, tail);
}

void ProgressBar::clear() {
  if (shown_ == ~std::uint64_t{0}) return;
  shown_ = ~std::uint64_t{0};
  fmt::print(stderr, "\r\033[K");
}

std::size_t terminal_width(int descriptor, std::size_t otherwise) {
  winsize size{};
  if (ioctl(descriptor, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return otherwise;
  return size.ws_col;
}

}  // namespace holdfast::app
