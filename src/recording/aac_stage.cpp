#include "recording/aac_stage.hpp"

#include <span>
#include <utility>

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

}  // namespace

struct AacStage::Core {
  // Worker.
  Ready ready;  // empty: the stage is gone
  Batch gathered;
  std::size_t pending = 0;
  std::optional<Error> error;
  // Pool.
  std::unique_ptr<transcode::OpusToAac> transcoder;

  Result<void> run(const Batch& batch, Last last, Frames& frames) {
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
};

AacStage::AacStage(Executor& pool, Executor& worker, Ready ready)
    : pool_(pool), worker_(worker), core_(std::make_shared<Core>()) {
  core_->ready = std::move(ready);
}

AacStage::~AacStage() {
  core_->ready = {};
}

bool AacStage::push(media::Ticks pts, Bytes opus) {
  Batch& gathered = core_->gathered;
  if (core_->pending + gathered.packets.size() >= max_pending) return false;
  gathered.packets.push_back({pts, opus.size()});
  gathered.bytes.insert(gathered.bytes.end(), opus.begin(), opus.end());
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
    worker->post([core = std::move(core), count = batch.packets.size(), frames = std::move(frames),
                  result = std::move(result), finished = std::move(finished)]() mutable {
      core->pending -= count;
      if (!result) core->error = std::move(result.error());
      if (!core->ready) return;
      core->ready(frames);
      if (finished) finished();
    });
  });
}

}  // namespace holdfast::recording
