#include "recording/aac_stage.hpp"

#include <deque>
#include <limits>
#include <span>
#include <utility>

#include "base/check.hpp"

namespace holdfast::recording {
namespace {

// Opus packets in one piece, so that a tick costs no allocation a packet.
struct Batch {
  struct Packet {
    media::Ticks pts;
    std::size_t size;
  };
  std::vector<Packet> packets;
  ByteVector bytes;
};

using Frames = std::vector<transcode::AacFrame>;

}  // namespace

struct AacStage::Core {
  // Worker.
  std::optional<Sink> sink;  // none: the stage is gone
  Batch gathered;
  std::size_t pending = 0;
  struct Pushed {
    media::Ticks pts;
    Source source;
  };
  std::deque<Pushed> silent;  // of which no sound came out yet
  std::optional<Error> error;
  // Pool.
  std::unique_ptr<transcode::OpusToAac> transcoder;
  ThreadOwner pool_owner;

  Result<void> run(const Batch& batch, Last last, Frames& frames) {
    pool_owner.check();
    if (!transcoder) {
      auto created = transcode::OpusToAac::create();
      if (!created) return std::unexpected(created.error());
      transcoder = std::move(*created);
    }
    Bytes rest = batch.bytes;
    for (const Batch::Packet& packet : batch.packets) {
      if (auto pushed = transcoder->push(packet.pts, rest.first(packet.size), frames); !pushed) return pushed;
      rest = rest.subspan(packet.size);
    }
    return last == Last::yes ? transcoder->flush(frames) : Result<void>{};
  }

  // Worker. What was pushed before that time.
  Source take_before(media::Ticks pts) {
    Source taken;
    for (; !silent.empty() && silent.front().pts < pts; silent.pop_front()) {
      taken.frames += silent.front().source.frames;
      taken.packets += silent.front().source.packets;
    }
    return taken;
  }
};

AacStage::AacStage(Executor& pool, Executor& worker, Sink sink)
    : pool_(pool), worker_(worker), core_(std::make_shared<Core>()) {
  core_->sink = std::move(sink);
}

AacStage::~AacStage() {
  core_->sink.reset();
}

bool AacStage::push(media::Ticks pts, Bytes opus, Source source) {
  Batch& gathered = core_->gathered;
  if (core_->pending + gathered.packets.size() >= max_pending) return false;
  gathered.packets.push_back({pts, opus.size()});
  gathered.bytes.insert(gathered.bytes.end(), opus.begin(), opus.end());
  if (source.frames > 0) core_->silent.push_back({pts, source});
  return true;
}

void AacStage::commit() {
  if (!core_->gathered.packets.empty()) send_off(Last::no, {});
}

void AacStage::finish(std::move_only_function<void()> finished) {
  send_off(Last::yes, std::move(finished));
}

const std::optional<Error>& AacStage::error() const {
  return core_->error;
}

void AacStage::send_off(Last last, std::move_only_function<void()> finished) {
  core_->pending += core_->gathered.packets.size();
  pool_.post([core = core_, batch = std::exchange(core_->gathered, {}), last, finished = std::move(finished),
              worker = &worker_]() mutable {
    Frames frames;
    auto result = core->run(batch, last, frames);
    worker->post([core = std::move(core), batch = std::move(batch), last, frames = std::move(frames),
                  result = std::move(result), finished = std::move(finished)]() mutable {
      core->pending -= batch.packets.size();
      if (!core->sink) return;
      for (const transcode::AacFrame& frame : frames) {
        core->sink->encoded({frame, core->take_before(frame.pts + transcode::AacFrame::duration)});
      }
      if (!result) core->error = std::move(result.error());
      // Of a batch that failed, as of what is left at the end, nothing comes any more.
      const bool over = last == Last::yes;
      if (over || (!result && !batch.packets.empty())) {
        const media::Ticks end =
            over ? std::numeric_limits<media::Ticks>::max() : batch.packets.back().pts + 1;
        if (const Source refused = core->take_before(end); refused.frames > 0) core->sink->refused(refused);
      }
      if (finished) finished();
    });
  });
}

}  // namespace holdfast::recording
