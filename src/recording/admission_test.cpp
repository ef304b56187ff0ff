#include "recording/admission.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast::recording {
namespace {

using testing::HasSubstr;
using namespace std::chrono_literals;

constexpr double limit = 0.85;

// So many recordings that cost so much each, shown by the load.
Burden shown(unsigned count) {
  return {.count = count, .shown = static_cast<double>(count)};
}
WorkerLoad busy_with(unsigned recordings, double cost_each) {
  return {.worker = recordings * cost_each, .recordings = shown(recordings)};
}

class AdmissionTest : public testing::Test {
 protected:
  AdmissionTest() { load.workers.resize(2); }

  // Nothing: one more may start.
  std::optional<Resource> refused(Transcoding transcoding = Transcoding::none) const {
    const auto refusal = Admission(limit).judge(load, transcoding);
    return refusal ? std::optional(refusal->resource) : std::nullopt;
  }
  std::string why(Transcoding transcoding = Transcoding::none) const {
    const auto refusal = Admission(limit).judge(load, transcoding);
    return refusal ? refusal->why : "";
  }

  MachineLoad load;
};

TEST_F(AdmissionTest, AnIdleMachineTakesOne) {
  EXPECT_EQ(refused(), std::nullopt);
  EXPECT_EQ(refused(Transcoding::aac), std::nullopt);
}

TEST_F(AdmissionTest, OneMoreMayReachTheLimitAndNotPassIt) {
  load.workers = {busy_with(83, 0.01)};
  EXPECT_EQ(refused(), std::nullopt);  // 84 %
  load.workers = {busy_with(85, 0.01)};
  EXPECT_EQ(refused(), Resource::worker);  // 86 %
  EXPECT_THAT(why(), HasSubstr("at 86 % load, and admission_limit is 85 %"));
}

TEST_F(AdmissionTest, TheWorkerThatHasRoomIsTheOneThatCounts) {
  load.workers = {busy_with(85, 0.01), busy_with(20, 0.01)};
  EXPECT_EQ(refused(), std::nullopt);
  EXPECT_EQ(Admission::choose(load, Transcoding::none), 1u);
}

TEST_F(AdmissionTest, WhatHasJustBegunIsCountedAtTheAverageOfTheOthers) {
  load.workers = {busy_with(50, 0.01)};  // 50 %
  load.workers[0].recordings.count += 33;
  EXPECT_EQ(refused(), std::nullopt);  // 50 and 33 and 1 make 84 %
  load.workers[0].recordings.count += 2;
  EXPECT_EQ(refused(), Resource::worker);
}

TEST_F(AdmissionTest, AnAverageIsTakenOfWhatTheLoadShowsOfThoseThatRampUp) {
  load.workers = {{.worker = 0.1, .recordings = {.count = 40, .shown = 10}}};  // 1 % each
  EXPECT_EQ(refused(), std::nullopt);                                          // 10 % and 31 more
  load.workers[0].recordings.count = 85;
  EXPECT_EQ(refused(), Resource::worker);
}

TEST_F(AdmissionTest, ABurstThatNothingIsKnownOfIsLetInByTheHundredOnly) {
  for (WorkerLoad& worker : load.workers) worker.recordings = {.count = 99, .fresh = 99};
  EXPECT_EQ(refused(), std::nullopt);
  for (WorkerLoad& worker : load.workers) worker.recordings = {.count = 100, .fresh = 100};
  EXPECT_EQ(refused(), Resource::worker);
  EXPECT_THAT(why(), HasSubstr("try again in 4 s"));
  // Those that wait for their streams do not bar the way.
  for (WorkerLoad& worker : load.workers) worker.recordings = {.count = 100, .fresh = 99};
  EXPECT_EQ(refused(), std::nullopt);
}

TEST_F(AdmissionTest, ABurstOfAacIsSmaller) {
  for (WorkerLoad& worker : load.workers) worker.recordings = worker.transcoded = {.count = 30, .fresh = 30};
  EXPECT_EQ(refused(Transcoding::aac), Resource::transcoder);
  EXPECT_EQ(refused(), std::nullopt);
}

TEST_F(AdmissionTest, OfAFewNothingIsInferred) {
  load.workers = {{.worker = 0.6, .recordings = shown(2)}};
  EXPECT_EQ(refused(), std::nullopt);
  load.workers[0].worker = 0.86;
  EXPECT_EQ(refused(), Resource::worker);
}

TEST_F(AdmissionTest, AFullTranscoderRefusesOnlyWhatNeedsIt) {
  for (WorkerLoad& worker : load.workers) {
    worker = busy_with(60, 0.001);
    worker.transcoder = 0.84;
    worker.transcoded = shown(60);
  }
  EXPECT_EQ(refused(Transcoding::aac), Resource::transcoder);
  EXPECT_THAT(why(Transcoding::aac), HasSubstr("audio = copy"));
  EXPECT_EQ(refused(), std::nullopt);
}

TEST_F(AdmissionTest, AThreadThatWritesCanBeFullToo) {
  for (WorkerLoad& worker : load.workers) {
    worker = busy_with(10, 0.001);
    worker.storage = 0.8;
  }
  EXPECT_EQ(refused(), Resource::storage);  // 8 % each
}

TEST_F(AdmissionTest, TheProcessorsTogetherAreALimitThatNoThreadHasReached) {
  for (WorkerLoad& worker : load.workers) worker = busy_with(40, 0.01);
  load.processors = 0.845;
  EXPECT_EQ(refused(), Resource::processors);
  load.processors = 0.80;
  EXPECT_EQ(refused(), std::nullopt);
}

TEST_F(AdmissionTest, NothingStartsWhileWritesWait) {
  load.disk_wait = 2s;
  EXPECT_EQ(refused(), std::nullopt);
  load.disk_wait = 2100ms;
  EXPECT_EQ(refused(), Resource::disk);
  EXPECT_THAT(why(), HasSubstr("in progress for 2.1 s"));
}

TEST_F(AdmissionTest, ALimitOfZeroRefusesNothing) {
  load.workers = {busy_with(100, 0.01)};
  load.disk_wait = 1min;
  EXPECT_FALSE(Admission(0).judge(load, Transcoding::aac).has_value());
}

TEST_F(AdmissionTest, WhileCostsAreUnknownTheWorkerWithTheFewestIsChosen) {
  load.workers[0] = {.worker = 0.001, .recordings = {.count = 2}};
  load.workers[1] = {.worker = 0.002, .recordings = {.count = 1}};
  EXPECT_EQ(Admission::choose(load, Transcoding::none), 1u);
}

TEST_F(AdmissionTest, AacGoesWhereTheTranscoderHasRoom) {
  load.workers[0] = busy_with(10, 0.001);
  load.workers[1] = busy_with(20, 0.001);
  load.workers[0].transcoder = 0.5;
  load.workers[0].transcoded = shown(10);
  EXPECT_EQ(Admission::choose(load, Transcoding::aac), 1u);
  EXPECT_EQ(Admission::choose(load, Transcoding::none), 0u);
}

}  // namespace
}  // namespace holdfast::recording
