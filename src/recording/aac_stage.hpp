#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "base/executor.hpp"
#include "base/result.hpp"
#include "media/frame.hpp"
#include "transcode/opus_to_aac.hpp"

namespace holdfast::recording {

// Opus in, AAC out, by way of the transcoding pool: what is pushed in a tick goes over in one job, and comes
// back in one. Worker thread only; destroying it forgets what is still under way.
class AacStage {
 public:
  using Frames = std::vector<transcode::AacFrame>;
  using Ready = std::function<void(const Frames&)>;
  // Opus frames that may be under way: 20 s of 20 ms frames. Beyond, the pool does not keep up.
  static constexpr std::size_t max_pending = 1000;

  // `pool` runs the jobs of one stage in order. `ready` is called on `worker`.
  AacStage(Executor& pool, Executor& worker, Ready ready);
  ~AacStage();
  AacStage(const AacStage&) = delete;
  AacStage& operator=(const AacStage&) = delete;

  // Copies the packet. False: the pool does not keep up, the packet is not taken.
  bool push(media::Ticks pts, Bytes opus);
  // Sends off what was pushed.
  void commit();
  // Sends off the rest, and what the encoder still holds; `finished` is called on `worker` after the last
  // ready().
  void finish(std::move_only_function<void()> finished);

  // Why the codec libraries refuse; nothing when all is well.
  const std::optional<Error>& error() const;

 private:
  struct Core;
  enum class Last : bool { no, yes };
  void send_off(Last last, std::move_only_function<void()> finished);

  Executor& pool_;
  Executor& worker_;
  std::shared_ptr<Core> core_;  // shared with jobs under way
};

}  // namespace holdfast::recording
