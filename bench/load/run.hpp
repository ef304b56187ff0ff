#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "load/pump.hpp"

namespace holdfast::bench {

enum class Sockets : std::uint8_t { shared, each };
enum class Leave : std::uint8_t { goodbye, silent };
enum class Progress : std::uint8_t { quiet, told };

struct RunOptions {
  int sessions = 1;
  int first_id = 0;
  int seconds = 20;  // from when all are sending
  int bits_per_second = 2'000'000;
  int frames_per_second = 30;
  double ramp = 50;  // sessions a second
  double loss_percent = 0;
  unsigned threads = 1;
  std::uint64_t seed = 1;
  int wait_seconds = 60;  // for all to send, after the ramp
  Leave leave = Leave::goodbye;
  Progress progress = Progress::quiet;
};

// Makes the sessions on the pumps, at once or as the other side asks for them. `encoded` is called before
// anything is sent. Gives what must outlive the run and go before the pumps.
using Start = std::function<Result<std::shared_ptr<void>>(std::vector<std::unique_ptr<Pump>>& pumps)>;

// Runs a load from the encoding to the line of JSON on stdout. Gives the exit status: 0 when all sessions
// sent, in time, to the end.
int run_load(const RunOptions& options, const Start& start);

}  // namespace holdfast::bench
