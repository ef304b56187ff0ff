#pragma once

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <string>

#include "base/bytes.hpp"

namespace holdfast::io {

// A certificate for "localhost", signed by its own key: PEM of both.
struct SelfSigned {
  std::string certificate;
  std::string key;

  SelfSigned() {
    EVP_PKEY* pair = EVP_EC_gen("P-256");
    X509* cert = X509_new();
    X509_set_version(cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
    X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
    X509_set_pubkey(cert, pair);
    X509_NAME* name = X509_get_subject_name(cert);
    X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_ASC, as_bytes("localhost").data(), -1, -1, 0);
    X509_set_issuer_name(cert, name);
    X509_EXTENSION* names = X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, "DNS:localhost");
    X509_add_ext(cert, names, -1);
    X509_EXTENSION_free(names);
    X509_sign(cert, pair, EVP_sha256());
    certificate = pem([&](BIO* out) { PEM_write_bio_X509(out, cert); });
    key = pem([&](BIO* out) { PEM_write_bio_PrivateKey(out, pair, nullptr, nullptr, 0, nullptr, nullptr); });
    X509_free(cert);
    EVP_PKEY_free(pair);
  }

 private:
  template <typename Write>
  static std::string pem(Write write) {
    BIO* out = BIO_new(BIO_s_mem());
    write(out);
    std::string text(4096, '\0');
    text.resize(
        static_cast<std::size_t>(std::max(0, BIO_read(out, text.data(), static_cast<int>(text.size())))));
    BIO_free(out);
    return text;
  }
};

}  // namespace holdfast::io
