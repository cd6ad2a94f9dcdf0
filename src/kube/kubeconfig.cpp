#include "kube/kubeconfig.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <yaml-cpp/yaml.h>

#include <filesystem>
#include <map>

#include "kube/files.hpp"
#include "net/url.hpp"

namespace portcullis::kube {
namespace {

using Kind = Error::Kind;

/// A cluster, user or context, and the file in which it stands (relative paths start there).
struct Entry {
  YAML::Node node;
  std::string file;
  std::string title;  ///< `user "alice"`
};

struct Merged {
  std::map<std::string, Entry> clusters;
  std::map<std::string, Entry> users;
  std::map<std::string, Entry> contexts;
  std::string current_context;
  std::string first_file;
};

/// Carries the first refusal out of the nest of fields; it never leaves this file.
struct Refused {
  Error error;
};

[[noreturn]] void refuse(Kind kind, std::string sentence) {
  throw Refused{{.kind = kind, .message = std::move(sentence)}};
}

[[noreturn]] void refuse(const Entry& entry, const char* field, const std::string& why,
                         Kind kind = Kind::invalid) {
  refuse(kind, fmt::format("{}: {}: {}: {}", entry.file, entry.title, field, why));
}

bool is_absent(const YAML::Node& node) { return !node.IsDefined() || node.IsNull(); }

std::string text_at(const Entry& entry, const char* field) {
  const YAML::Node node = entry.node[field];
  if (is_absent(node)) return {};
  if (!node.IsScalar()) refuse(entry, field, "is not a text");
  return node.Scalar();
}

bool flag_at(const Entry& entry, const char* field) {
  const std::string text = text_at(entry, field);
  if (text.empty() || text == "false") return false;
  if (text != "true") refuse(entry, field, "is neither true nor false");
  return true;
}

std::string resolved(const Entry& entry, const std::string& path) {
  return (std::filesystem::path(entry.file).parent_path() / path).lexically_normal().string();
}

/// `<field>-data` wins over the file that `<field>` names. Sets `file` to that file, if it was one.
std::string pem_at(const Entry& entry, const std::string& field, std::string* file = nullptr) {
  const std::string data_field = field + "-data";
  if (const std::string data = text_at(entry, data_field.c_str()); !data.empty()) {
    auto decoded = decode_base64(data);
    if (!decoded) refuse(entry, data_field.c_str(), "is not base64");
    return std::move(*decoded);
  }
  const std::string path = text_at(entry, field.c_str());
  if (path.empty()) return {};
  auto content = read_file(resolved(entry, path));
  if (!content) refuse(entry, field.c_str(), content.error().message);
  if (content->empty()) refuse(entry, field.c_str(), resolved(entry, path) + ": is empty");
  if (file != nullptr) *file = resolved(entry, path);
  return std::move(*content);
}

void add_entries(std::map<std::string, Entry>& entries, const YAML::Node& root,
                 const std::string& file, const char* list, const char* kind) {
  const YAML::Node items = root[list];
  if (is_absent(items)) return;
  if (!items.IsSequence()) refuse(Kind::invalid, fmt::format("{}: {}: is not a list", file, list));
  for (const YAML::Node& item : items) {
    if (!item.IsMap() || is_absent(item["name"]) || !item["name"].IsScalar()) {
      refuse(Kind::invalid, fmt::format("{}: {}: an entry has no name", file, list));
    }
    const std::string name = item["name"].Scalar();
    const YAML::Node body = item[kind];
    const std::string title = fmt::format("{} \"{}\"", kind, name);
    if (!is_absent(body) && !body.IsMap()) {
      refuse(Kind::invalid, fmt::format("{}: {}: is not a map", file, title));
    }
    Entry entry{.node = is_absent(body) ? YAML::Node(YAML::NodeType::Map) : body,
                .file = file,
                .title = title};
    entries.try_emplace(name, std::move(entry));
  }
}

void merge(Merged& merged, const std::string& file, const std::string& text) {
  const YAML::Node root = YAML::Load(text);
  if (merged.first_file.empty()) merged.first_file = file;
  if (is_absent(root)) return;
  if (!root.IsMap()) refuse(Kind::invalid, fmt::format("{}: is not a kubeconfig", file));
  if (const YAML::Node kind = root["kind"];
      !is_absent(kind) && (!kind.IsScalar() || kind.Scalar() != "Config")) {
    refuse(Kind::invalid, fmt::format("{}: kind: is not Config", file));
  }
  add_entries(merged.clusters, root, file, "clusters", "cluster");
  add_entries(merged.users, root, file, "users", "user");
  add_entries(merged.contexts, root, file, "contexts", "context");
  const YAML::Node current = root["current-context"];
  if (!is_absent(current) && current.IsScalar() && merged.current_context.empty()) {
    merged.current_context = current.Scalar();
  }
}

void take_cluster(Config& config, const Entry& cluster) {
  const std::string server = text_at(cluster, "server");
  if (server.empty()) refuse(cluster, "server", "is missing");
  const auto url = net::parse_url(server);
  // What was refused is not repeated: it could hold a password or a token.
  if (!url) {
    refuse(cluster, "server", "is not an address of the form https://host:port, without a user");
  }
  if (url->target != "/") {
    refuse(cluster, "server",
           fmt::format("{}: a path is not supported", net::to_string(url->origin)),
           Kind::unsupported);
  }
  if (flag_at(cluster, "insecure-skip-tls-verify")) {
    refuse(cluster, "insecure-skip-tls-verify",
           "the server's certificate is always verified; give its certificate-authority");
  }
  if (!text_at(cluster, "proxy-url").empty()) {
    refuse(cluster, "proxy-url", "proxies are not supported", Kind::unsupported);
  }
  config.origin = url->origin;
  config.tls.server_name = text_at(cluster, "tls-server-name");
  config.tls.ca_pem = pem_at(cluster, "certificate-authority", &config.ca_file);
}

void refuse_unsupported(const Entry& user) {
  struct Row {
    const char* field;
    const char* why;
  };
  for (const auto& [field, why] :
       {Row{"exec",
            "exec plugins are not supported; use a token, a tokenFile or a client certificate"},
        Row{"auth-provider",
            "auth providers are not supported; use a token, a tokenFile or a client certificate"},
        Row{"username",
            "basic authentication is not supported; use a token or a client certificate"},
        Row{"password",
            "basic authentication is not supported; use a token or a client certificate"},
        Row{"as", "impersonation is not supported"},
        Row{"as-uid", "impersonation is not supported"},
        Row{"as-groups", "impersonation is not supported"},
        Row{"as-user-extra", "impersonation is not supported"}}) {
    if (!is_absent(user.node[field])) refuse(user, field, why, Kind::unsupported);
  }
}

void take_user(Config& config, const Entry& user) {
  refuse_unsupported(user);
  config.tls.certificate_pem = pem_at(user, "client-certificate", &config.certificate_file);
  config.tls.key_pem = Secret(pem_at(user, "client-key", &config.key_file));
  if (config.tls.certificate_pem.empty() != config.tls.key_pem.empty()) {
    refuse(user, config.tls.key_pem.empty() ? "client-key" : "client-certificate",
           "is missing beside its counterpart");
  }
  config.token = Secret(text_at(user, "token"));
  if (const std::string path = text_at(user, "tokenFile"); !path.empty()) {
    config.token_file = resolved(user, path);
    const auto content = read_file(config.token_file);
    if (!content) refuse(user, "tokenFile", content.error().message);
    if (trimmed(*content).empty()) refuse(user, "tokenFile", config.token_file + ": is empty");
  }
  const bool has_credentials =
      !config.token.empty() || !config.token_file.empty() || !config.tls.certificate_pem.empty();
  if (config.origin.scheme == "http" && has_credentials) {
    refuse(user,
           !config.tls.certificate_pem.empty() ? "client-certificate"
           : !config.token_file.empty()        ? "tokenFile"
                                               : "token",
           fmt::format("credentials are not sent to {}, which is not https",
                       net::to_string(config.origin)));
  }
}

const Entry& referred(const std::map<std::string, Entry>& entries, const Entry& context,
                      const char* field) {
  const std::string name = text_at(context, field);
  if (name.empty()) refuse(context, field, "is missing");
  const auto found = entries.find(name);
  if (found == entries.end()) {
    refuse(context, field, fmt::format("no {} has the name \"{}\"", field, name));
  }
  return found->second;
}

Config resolve(const Merged& merged, const std::string& wanted) {
  const std::string name = wanted.empty() ? merged.current_context : wanted;
  if (name.empty()) {
    refuse(Kind::invalid,
           fmt::format("{}: current-context: is missing, and no context was asked for",
                       merged.first_file));
  }
  const auto context = merged.contexts.find(name);
  if (context == merged.contexts.end()) {
    refuse(Kind::invalid,
           fmt::format("{}: contexts: no context has the name \"{}\"", merged.first_file, name));
  }
  Config config;
  config.context = name;
  take_cluster(config, referred(merged.clusters, context->second, "cluster"));
  take_user(config, referred(merged.users, context->second, "user"));
  const std::string ns = text_at(context->second, "namespace");
  if (!ns.empty()) config.ns = ns;
  return config;
}

}  // namespace

Result<Config> load_kubeconfig(const std::vector<std::string>& files, const std::string& context) {
  Merged merged;
  std::string reading;
  try {
    for (const std::string& file : files) {
      reading = file;
      const auto text = read_file(file);
      if (!text && text.error().kind == Kind::not_found) continue;
      if (!text) return fail(text.error());
      merge(merged, file, *text);
    }
    if (merged.first_file.empty()) {
      return fail(Kind::not_found, fmt::format("{}: no such file", fmt::join(files, ", ")));
    }
    Config config = resolve(merged, context);
    config.kubeconfigs = files;
    return config;
  } catch (const Refused& refused) {
    return fail(refused.error);
  } catch (const YAML::Exception& error) {
    return fail(Kind::invalid,
                fmt::format("{}: line {}: {}", reading, error.mark.line + 1, error.msg));
  }
}

std::optional<std::string> decode_base64(std::string text) {
  std::erase_if(text, [](char c) { return c == '\r' || c == '\n'; });
  constexpr const char* alphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const std::size_t digits = std::min(text.find_first_not_of(alphabet), text.size());
  const std::size_t padding = text.size() - digits;
  // EVP_DecodeBlock itself takes surrounding space and counts padding as zeros.
  if (text.empty() || text.size() % 4 != 0 || padding > 2 ||
      text.find_first_not_of('=', digits) != std::string::npos) {
    return std::nullopt;
  }
  std::string out(text.size() / 4 * 3, '\0');
  const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                   reinterpret_cast<const unsigned char*>(text.data()),
                                   static_cast<int>(text.size()));
  if (size < 0) return std::nullopt;
  out.resize(static_cast<std::size_t>(size) - padding);
  return out;
}

}  // namespace portcullis::kube
