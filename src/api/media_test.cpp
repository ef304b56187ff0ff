#include "api/media.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast::api {
namespace {

using testing::HasSubstr;

std::string span_of(std::string_view range, std::uint64_t size) {
  const auto span = parse_range(range, size);
  if (!span) return span.error() == RangeProblem::ignored ? "ignored" : "unsatisfiable";
  return fmt::format("{}-{}", span->from, span->to);
}

TEST(ParseRange, TakesOneRangeOfBytes) {
  EXPECT_EQ(span_of("bytes=0-9", 100), "0-10");
  EXPECT_EQ(span_of("bytes=90-", 100), "90-100");
  EXPECT_EQ(span_of("bytes=90-200", 100), "90-100");
  EXPECT_EQ(span_of("bytes=-10", 100), "90-100");
  EXPECT_EQ(span_of("bytes=-200", 100), "0-100");
  EXPECT_EQ(span_of("Bytes=0-0", 100), "0-1");
}

TEST(ParseRange, WhatIsNotThereIsUnsatisfiable) {
  EXPECT_EQ(span_of("bytes=100-", 100), "unsatisfiable");
  EXPECT_EQ(span_of("bytes=-0", 100), "unsatisfiable");
  EXPECT_EQ(span_of("bytes=0-", 0), "unsatisfiable");
  EXPECT_EQ(span_of("bytes=-5", 0), "unsatisfiable");
}

TEST(ParseRange, AnythingElseIsIgnored) {
  for (const char* range :
       {"", "bytes=", "bytes=-", "bytes", "items=0-1", "bytes=0-1,3-4", "bytes=5-4", "bytes=a-b",
        "bytes=0x1-", "bytes=99999999999999999999-", "bytes=--1", "bytes=1-2-3"}) {
    EXPECT_EQ(span_of(range, 100), "ignored") << range;
  }
}

TEST(ParseMediaQuery, KnowsThePartAlone) {
  EXPECT_EQ(parse_media_query("").value(), std::nullopt);
  EXPECT_EQ(parse_media_query("part=3").value(), 3U);
  for (const char* query : {"part=0", "part=", "part=x", "part=1&part=2", "parts=1", "follow=1"}) {
    EXPECT_FALSE(parse_media_query(query)) << query;
  }
}

struct MediaResponse : testing::Test {
  HttpResponse ask(std::vector<HttpHeader> headers) {
    IncomingRequest request;
    request.method = method;
    request.headers = std::move(headers);
    return media_response(request,
                          {"recordings/a.ts", "mpegts", 1000, [this](std::uint64_t from, std::uint64_t to) {
                             asked = fmt::format("{}-{}", from, to);
                             return nullptr;
                           }});
  }
  std::string method = "GET";
  std::string asked;
};

TEST_F(MediaResponse, AllOfItOrARangeOrNothing) {
  EXPECT_EQ(ask({}).status, 200);
  EXPECT_EQ(asked, "0-1000");
  const HttpResponse part = ask({{"range", "bytes=500-"}});
  EXPECT_EQ(part.status, 206);
  EXPECT_EQ(part.header("content-range"), "bytes 500-999/1000");
  EXPECT_EQ(part.header("content-type"), "video/mp2t");
  EXPECT_EQ(asked, "500-1000");
  const HttpResponse behind = ask({{"range", "bytes=1000-"}});
  EXPECT_EQ(behind.status, 416);
  EXPECT_EQ(behind.header("content-range"), "bytes */1000");
  EXPECT_THAT(behind.body, HasSubstr("1000 bytes so far"));
}

TEST_F(MediaResponse, HeadTellsOfAllOfIt) {
  method = "HEAD";
  EXPECT_EQ(ask({{"range", "bytes=500-"}}).status, 200);
}

TEST_F(MediaResponse, AConditionOnARangeNeverHolds) {
  EXPECT_EQ(ask({{"range", "bytes=500-"}, {"if-range", "\"etag\""}}).status, 200);
  EXPECT_EQ(ask({{"range", "bytes=500-"}, {"range", "bytes=600-"}}).status, 200);
}

}  // namespace
}  // namespace holdfast::api
