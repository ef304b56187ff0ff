#include "app/follow_store.hpp"

#include <utility>

namespace holdfast::app {

FollowStore::FollowStore(Executor& control, Disk& disk, const std::string& recordings, Describe describe)
    : control_(control), describe_(std::move(describe)), file_(disk, recordings) {}

Result<FollowFile::Loaded> FollowStore::load(WallTime now) {
  auto loaded = file_.load(now);
  if (!loaded) return loaded;
  for (const KeptFollow& kept : loaded->follows) requests_.emplace(kept.request.mint_id, kept.request);
  return loaded;
}

void FollowStore::change(Apply apply, Done done) {
  changes_.push_back({std::move(apply), std::move(done)});
  write_next();
}

void FollowStore::write_next() {
  while (!writing_ && !changes_.empty()) {
    Requests next = requests_;
    if (auto possible = changes_.front().apply(next); !possible) {
      Change change = std::move(changes_.front());
      changes_.pop_front();
      change.done(std::move(possible));
      continue;
    }
    writing_ = true;
    auto follows = describe_(next);
    run_on(
        disk_, control_, [this, follows = std::move(follows)] { return file_.save(follows); },
        [this, next = std::move(next)](Result<void> saved) mutable {
          Change change = std::move(changes_.front());
          changes_.pop_front();
          if (saved) requests_ = std::move(next);
          change.done(std::move(saved));
          writing_ = false;
          write_next();
        });
  }
}

}  // namespace holdfast::app
