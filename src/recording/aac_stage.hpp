#pragma once

#include <cstdint>
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
  // Opus frames, and the RTP packets that carried them. Silence of ours is none.
  struct Source {
    std::uint32_t frames = 0;
    std::uint32_t packets = 0;
  };
  struct Encoded {
    const transcode::AacFrame& aac;
    Source source;  // whose sound begins in it, or before and in no frame
  };
  // What came of what was pushed, in its order: each Opus frame is in one of the calls' source.
  struct Sink {
    std::function<void(const Encoded&)> encoded;
    std::function<void(Source)> refused;  // by the codec libraries: see error()
  };
  // Opus frames that may be under way: 20 s of 20 ms frames. Beyond, the pool does not keep up.
  static constexpr std::size_t max_pending = 1000;

  // `pool` runs the jobs of one stage in order. `sink` is called on `worker`.
  AacStage(Executor& pool, Executor& worker, Sink sink);
  ~AacStage();
  AacStage(const AacStage&) = delete;
  AacStage& operator=(const AacStage&) = delete;

  // Copies the packet. False: the pool does not keep up, the packet is not taken.
  bool push(media::Ticks pts, Bytes opus, Source source);
  // Sends off what was pushed.
  void commit();
  // Sends off the rest, and what the encoder still holds; `finished` is called on `worker` when
  // the sink has it all.
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
