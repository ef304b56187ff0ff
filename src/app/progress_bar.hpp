#pragma once

#include <cstdint>
#include <string>

namespace holdfast::app {

// A line on stderr that says how far a long job is; nothing where stderr is no terminal. One thread.
class ProgressBar {
 public:
  ProgressBar();
  ~ProgressBar() { clear(); }
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  void show(const std::string& name, std::uint64_t done, std::uint64_t total);
  // Before anything else is printed.
  void clear();

 private:
  const bool terminal_;
  std::uint64_t shown_ = ~std::uint64_t{0};  // percent
};

// Columns of the terminal at `descriptor`; `otherwise` when it is none.
std::size_t terminal_width(int descriptor, std::size_t otherwise);

}  // namespace holdfast::app
