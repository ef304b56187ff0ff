#include "io/tls_context.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "io/self_signed_test.hpp"

namespace holdfast::io {
namespace {

class TlsContextTest : public testing::Test {
 protected:
  ~TlsContextTest() override { std::filesystem::remove(ca_file_); }
  void trust(const std::string& certificates) { std::ofstream(ca_file_, std::ios::trunc) << certificates; }

  std::string ca_file_ = testing::TempDir() + "holdfast_tls_context.pem";
};

TEST_F(TlsContextTest, IsOneForAllWhoTrustTheSame) {
  trust(SelfSigned().certificate);
  const auto system = client_tls_context("");
  const auto file = client_tls_context(ca_file_);
  ASSERT_TRUE(system && file);
  EXPECT_EQ(*client_tls_context(""), *system);
  EXPECT_EQ(*client_tls_context(ca_file_), *file);
  EXPECT_NE(*file, *system);
}

TEST_F(TlsContextTest, IsReadAgainOnceTheFileHasChanged) {
  trust(SelfSigned().certificate);
  const auto former = client_tls_context(ca_file_);
  ASSERT_TRUE(former);
  trust(SelfSigned().certificate + SelfSigned().certificate);
  const auto present = client_tls_context(ca_file_);
  ASSERT_TRUE(present);
  EXPECT_NE(*present, *former);
}

TEST_F(TlsContextTest, NamesTheFileThatCannotBeRead) {
  const auto none = client_tls_context(ca_file_);
  ASSERT_FALSE(none);
  EXPECT_THAT(none.error().message, testing::HasSubstr(ca_file_));
  trust("nothing of use");
  EXPECT_FALSE(client_tls_context(ca_file_));
}

}  // namespace
}  // namespace holdfast::io
