#include "dtls/certificate.hpp"

#include <gtest/gtest.h>

namespace holdfast::dtls {
namespace {

const std::string sha1_text = "sha-1 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:01:23:45:67";

TEST(Fingerprint, IsReadWithoutRegardToCaseAndWrittenInUpperCase) {
  const auto fingerprint =
      Fingerprint::parse("SHA-1 00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff:01:23:45:67");
  ASSERT_TRUE(fingerprint.has_value());
  EXPECT_EQ(fingerprint->hash, Hash::sha1);
  EXPECT_EQ(fingerprint->digest[10], 0xaa);
  EXPECT_EQ(fingerprint->to_string(), sha1_text);
}

TEST(Fingerprint, EveryHashHasItsLength) {
  const auto text = [](std::string name, int size) {
    name += " 00";
    for (int i = 1; i < size; ++i) name += ":00";
    return name;
  };
  for (const auto& [name, size] :
       {std::pair{"sha-1", 20}, {"sha-256", 32}, {"sha-384", 48}, {"sha-512", 64}}) {
    EXPECT_TRUE(Fingerprint::parse(text(name, size)).has_value()) << name;
    EXPECT_FALSE(Fingerprint::parse(text(name, size - 1)).has_value()) << name;
    EXPECT_FALSE(Fingerprint::parse(text(name, size + 1)).has_value()) << name;
  }
  EXPECT_FALSE(Fingerprint::parse(text("md5", 16)).has_value());
}

TEST(Fingerprint, NonsenseIsNotRead) {
  for (const std::string& text :
       {std::string(), std::string("sha-1"), std::string("sha-1 "), sha1_text + ":", sha1_text + " ",
        "sha-1 0g" + sha1_text.substr(8), "sha-1 00-11" + sha1_text.substr(11)}) {
    EXPECT_FALSE(Fingerprint::parse(text).has_value()) << text;
  }
}

TEST(Certificate, ItsFingerprintReadsAsItIsWritten) {
  const auto certificate = Certificate::generate();
  ASSERT_TRUE(certificate.has_value()) << certificate.error().message;
  const Fingerprint& fingerprint = (*certificate)->fingerprint();
  EXPECT_EQ(fingerprint.hash, Hash::sha256);
  EXPECT_EQ(Fingerprint::parse(fingerprint.to_string()), fingerprint);
}

TEST(Certificate, EachIsAnother) {
  EXPECT_NE((*Certificate::generate())->fingerprint(), (*Certificate::generate())->fingerprint());
}

}  // namespace
}  // namespace holdfast::dtls
