#include "api/route.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

#include "api/router.hpp"

namespace holdfast::api {
namespace {

TEST(Route, APatternMatchesWholeSegments) {
  EXPECT_TRUE(match("/health", "/health"));
  EXPECT_FALSE(match("/health", "/health/"));
  EXPECT_FALSE(match("/health", "/healthy"));
  EXPECT_FALSE(match("/health", ""));
  EXPECT_FALSE(match("/health", "health"));
  EXPECT_FALSE(match("/api/recordings", "/api"));
  EXPECT_EQ(match("/whip/{mint_id}", "/whip/a%2Fb")->mint_id, "a%2Fb");
  EXPECT_FALSE(match("/whip/{mint_id}", "/whip/a/b"));
}

TEST(Route, ParametersHaveTheirNames) {
  const auto whip = match("/whip/{mint_id}/{session_id}", "/whip/a/s");
  ASSERT_TRUE(whip);
  EXPECT_EQ(whip->mint_id, "a");
  EXPECT_EQ(whip->session_id, "s");
  EXPECT_EQ(match("/api/recordings/{recording_id}/protection", "/api/recordings/r/protection")->recording_id,
            "r");
}

TEST(Route, AMissingMintIdIsForTheHandlerToName) {
  EXPECT_TRUE(match("/api/follow/{mint_id}", "/api/follow/"));
  EXPECT_FALSE(match("/api/follow/{mint_id}", "/api/follow"));
  EXPECT_FALSE(match("/whip/{mint_id}/{session_id}", "/whip/a/"));
  EXPECT_FALSE(match("/whip/{mint_id}/{session_id}", "/whip//s"));
  EXPECT_FALSE(match("/api/recordings/{recording_id}/protection", "/api/recordings//protection"));
}

TEST(Route, GetAnswersHead) {
  EXPECT_TRUE(accepts({"GET", "/health"}, "HEAD"));
  EXPECT_FALSE(accepts({"POST", "/health"}, "HEAD"));
  EXPECT_FALSE(accepts({"POST", "/health"}, "post"));
}

// docs/openapi.yaml: its paths are indented by two spaces, their methods by four.
TEST(Routes, AreThoseOfTheOpenApiDescription) {
  std::ifstream file(HOLDFAST_SOURCE "/docs/openapi.yaml");
  ASSERT_TRUE(file);
  constexpr std::pair<std::string_view, std::string_view> methods[] = {{"    get:", "GET"},
                                                                       {"    post:", "POST"},
                                                                       {"    put:", "PUT"},
                                                                       {"    patch:", "PATCH"},
                                                                       {"    delete:", "DELETE"}};
  std::vector<std::string> described, served;
  std::string path;
  for (std::string line; std::getline(file, line) && !line.starts_with("components:");) {
    if (line.starts_with("  /")) path = line.substr(2, line.size() - 3);
    for (const auto& [key, method] : methods) {
      if (line == key) described.push_back(fmt::format("{} {}", method, path));
    }
  }
  for (const Route& route : Router::routes())
    served.push_back(fmt::format("{} {}", route.method, route.pattern));
  EXPECT_THAT(served, testing::UnorderedElementsAreArray(described));
}

}  // namespace
}  // namespace holdfast::api
