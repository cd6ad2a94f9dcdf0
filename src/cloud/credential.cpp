#include "cloud/credential.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <system_error>

#include "cloud/imds_credential.hpp"
#include "cloud/login_credential.hpp"

namespace portcullis::cloud {
namespace {

/// Tenants are GUIDs or domain names, clients GUIDs.
bool is_identifier(std::string_view text) {
  return !text.empty() && text.size() <= 253 && text != "." && text != ".." &&
         std::ranges::all_of(text, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '-' || c == '.';
         });
}

}  // namespace

Result<std::string> read_whole_file(std::string path) {
  constexpr std::size_t limit = 1u << 20;
  const auto because = [&path](int number) {
    return fail(Error::Kind::unavailable,
                "cannot read " + path + ": " + std::generic_category().message(number));
  };
  std::FILE* file = std::fopen(path.c_str(), "rbe");
  if (file == nullptr) return because(errno);
  std::string content(limit + 1, '\0');
  content.resize(std::fread(content.data(), 1, content.size(), file));
  const int number = std::ferror(file) != 0 ? (errno == 0 ? EIO : errno) : 0;
  static_cast<void>(std::fclose(file));
  if (number != 0) return because(number);
  if (content.size() > limit) return because(EFBIG);
  return content;
}

Result<std::unique_ptr<Credential>> make_credential(net::Transport& identity, Pauses& pauses,
                                                    Clock& clock, FileReader read_file,
                                                    CredentialOptions options) {
  const bool managed = options.kind == CredentialKind::managed_identity;
  if (!is_identifier(options.client_id) && !(managed && options.client_id.empty())) {
    return fail(Error::Kind::invalid, "the client id is none");
  }
  if (managed) {
    return std::make_unique<ImdsCredential>(identity, pauses, clock, std::move(options));
  }
  if (!is_identifier(options.tenant_id)) {
    return fail(Error::Kind::invalid, "the tenant id is none");
  }
  if (options.secret_file.empty()) {
    return fail(Error::Kind::invalid,
                options.kind == CredentialKind::client_secret
                    ? "no file is given for the client secret"
                    : "no file is given for the federated token (AZURE_FEDERATED_TOKEN_FILE)");
  }
  return std::make_unique<LoginCredential>(identity, clock, std::move(read_file),
                                           std::move(options));
}

}  // namespace portcullis::cloud
