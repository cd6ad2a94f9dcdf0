#include "kube/config.hpp"

#include <catch2/catch.hpp>

#include "base/log.hpp"
#include "kube/kubeconfig.hpp"
#include "support/fake_clock.hpp"
#include "support/temporary_folder.hpp"

namespace portcullis::kube {
namespace {

using namespace std::chrono_literals;
using test::TemporaryFolder;
using test::Variable;
using Kind = Error::Kind;

/// A kubeconfig with one context whose cluster and user have these fields.
std::string kubeconfig(const std::string& cluster, const std::string& user,
                       const std::string& context = "cluster: c, user: u, namespace: team-a") {
  return "apiVersion: v1\nkind: Config\ncurrent-context: x\ncontexts: [{name: x, context: {" +
         context + "}}]\nclusters: [{name: c, cluster: {" + cluster +
         "}}]\nusers: [{name: u, user: {" + user + "}}]\n";
}

const std::string server = "server: \"https://api.example.com:6443\"";

TEST_CASE("A kubeconfig gives server, trust, identity and namespace") {
  TemporaryFolder folder;
  folder.write("pki/ca.pem", "CA");
  folder.write("pki/me.pem", "CERT");
  folder.write("pki/me.key", "KEY");
  const auto file = folder.write(
      "config", kubeconfig(server + ", certificate-authority: pki/ca.pem, tls-server-name: api",
                           "client-certificate: pki/me.pem, client-key: pki/me.key"));
  const auto config = load_config({.kubeconfig = file});
  REQUIRE(config);
  CHECK(config->origin == net::Origin{"https", "api.example.com", 6443});
  CHECK(config->tls.ca_pem == "CA");
  CHECK(config->tls.certificate_pem == "CERT");
  CHECK(config->tls.key_pem.reveal() == "KEY");
  CHECK(config->tls.server_name == "api");
  CHECK(config->ns == "team-a");
  CHECK(config->ca_file == folder.path("pki/ca.pem"));
  CHECK(config->certificate_file == folder.path("pki/me.pem"));
  CHECK(config->key_file == folder.path("pki/me.key"));
  test::FakeClock clock;
  CHECK(make_token_source(*config, clock) == nullptr);
}

TEST_CASE("Inline data wins over files, which need not exist then") {
  TemporaryFolder folder;
  const auto file = folder.write(
      "config",
      kubeconfig(server + ", certificate-authority: nowhere, certificate-authority-data: Q0E=",
                 "client-certificate-data: \"Q0\\nVSVA==\", client-key-data: S0VZ, token: t-1",
                 "cluster: c, user: u"));
  const auto config = load_config({.kubeconfig = file});
  REQUIRE(config);
  CHECK(config->tls.ca_pem == "CA");
  CHECK(config->tls.certificate_pem == "CERT");
  CHECK(config->tls.key_pem.reveal() == "KEY");
  CHECK(config->ca_file.empty());
  CHECK(config->ns == "default");
  test::FakeClock clock;
  CHECK(make_token_source(*config, clock)->token()->reveal() == "t-1");
}

TEST_CASE("A kubeconfig that cannot be used is refused with file and field") {
  struct Row {
    const char* what;
    std::string cluster;
    std::string user;
    Kind kind;
    std::string message;  ///< after "<file>: "
  };
  const std::string address = "is not an address of the form https://host:port, without a user";
  const std::string instead = "; use a token, a tokenFile or a client certificate";
  const auto row = GENERATE_COPY(values<Row>({
      {"exec", server, "exec: {command: kubelogin}", Kind::unsupported,
       "user \"u\": exec: exec plugins are not supported" + instead},
      {"auth-provider", server, "auth-provider: {name: gcp}", Kind::unsupported,
       "user \"u\": auth-provider: auth providers are not supported" + instead},
      {"basic", server, "username: a, password: b", Kind::unsupported,
       "user \"u\": username: basic authentication is not supported; use a token or a client "
       "certificate"},
      {"password", server, "password: b", Kind::unsupported,
       "user \"u\": password: basic authentication is not supported; use a token or a client "
       "certificate"},
      {"impersonation", server, "token: t, as: root", Kind::unsupported,
       "user \"u\": as: impersonation is not supported"},
      {"insecure", server + ", insecure-skip-tls-verify: true", "token: t", Kind::invalid,
       "cluster \"c\": insecure-skip-tls-verify: the server's certificate is always verified; give "
       "its certificate-authority"},
      {"odd flag", server + ", insecure-skip-tls-verify: maybe", "token: t", Kind::invalid,
       "cluster \"c\": insecure-skip-tls-verify: is neither true nor false"},
      {"proxy", server + ", proxy-url: \"http://p:1\"", "token: t", Kind::unsupported,
       "cluster \"c\": proxy-url: proxies are not supported"},
      {"no server", "tls-server-name: x", "token: t", Kind::invalid,
       "cluster \"c\": server: is missing"},
      {"odd server", "server: \"api:6443\"", "token: t", Kind::invalid,
       "cluster \"c\": server: " + address},
      {"server with a password", "server: \"https://me:hunter2@api\"", "token: t", Kind::invalid,
       "cluster \"c\": server: " + address},
      {"server with a path", "server: \"https://r/k8s/c-1\"", "token: t", Kind::unsupported,
       "cluster \"c\": server: https://r: a path is not supported"},
      {"server with a query", "server: \"https://r/?token=hunter2\"", "token: t", Kind::unsupported,
       "cluster \"c\": server: https://r: a path is not supported"},
      {"server is a map", "server: {a: b}", "token: t", Kind::invalid,
       "cluster \"c\": server: is not a text"},
      {"bad base64", server + ", certificate-authority-data: \"Q0E\"", "token: t", Kind::invalid,
       "cluster \"c\": certificate-authority-data: is not base64"},
      {"no key", server, "client-certificate-data: Q0E=", Kind::invalid,
       "user \"u\": client-key: is missing beside its counterpart"},
      {"no certificate", server, "client-key-data: Q0E=", Kind::invalid,
       "user \"u\": client-certificate: is missing beside its counterpart"},
      {"token over http", "server: \"http://127.0.0.1:8001\"", "token: t", Kind::invalid,
       "user \"u\": token: credentials are not sent to http://127.0.0.1:8001, which is not https"},
      {"certificate over http", "server: \"http://127.0.0.1\"",
       "client-key-data: Q0E=, client-certificate-data: Q0E=", Kind::invalid,
       "user \"u\": client-certificate: credentials are not sent to http://127.0.0.1, which is not "
       "https"},
  }));
  INFO(row.what);
  TemporaryFolder folder;
  const auto file = folder.write("config", kubeconfig(row.cluster, row.user));
  const auto config = load_config({.kubeconfig = file});
  REQUIRE_FALSE(config);
  CHECK(config.error().message == file + ": " + row.message);
  CHECK(config.error().kind == row.kind);
}

TEST_CASE("References that lead nowhere are named") {
  TemporaryFolder folder;
  const auto message = [&](const std::string& text, const std::string& context = "") {
    const auto file = folder.write("config", text);
    const auto config = load_config({.kubeconfig = file, .context = context});
    REQUIRE_FALSE(config);
    CHECK(config.error().kind == Kind::invalid);
    return config.error().message.substr(file.size() + 2);
  };
  CHECK(message(kubeconfig(server, "token: t", "cluster: other, user: u")) ==
        "context \"x\": cluster: no cluster has the name \"other\"");
  CHECK(message(kubeconfig(server, "token: t", "cluster: c, user: other")) ==
        "context \"x\": user: no user has the name \"other\"");
  CHECK(message(kubeconfig(server, "token: t", "user: u")) == "context \"x\": cluster: is missing");
  CHECK(message(kubeconfig(server, "token: t"), "y") == "contexts: no context has the name \"y\"");
  CHECK(message("kind: Config") == "current-context: is missing, and no context was asked for");
  CHECK(message("") == "current-context: is missing, and no context was asked for");
}

TEST_CASE("Files that are no kubeconfig are named, with the line where one is known") {
  TemporaryFolder folder;
  const auto message = [&](const std::string& text) {
    const auto file = folder.write("config", text);
    const auto config = load_config({.kubeconfig = file});
    REQUIRE_FALSE(config);
    CHECK(config.error().kind == Kind::invalid);
    CHECK(config.error().message.starts_with(file + ": "));
    return config.error().message.substr(file.size() + 2);
  };
  CHECK(message("a: b\nc: [").starts_with("line "));
  CHECK(message("- a\n- b") == "is not a kubeconfig");
  CHECK(message("just text") == "is not a kubeconfig");
  CHECK(message("kind: Pod") == "kind: is not Config");
  CHECK(message("clusters: {a: b}") == "clusters: is not a list");
  CHECK(message("clusters: [1]") == "clusters: an entry has no name");
  CHECK(message("users: [{user: {}}]") == "users: an entry has no name");
  CHECK(message("contexts: [{name: x, context: text}]") == "context \"x\": is not a map");
  CHECK_FALSE(message(std::string(100'000, '[')).empty());
  CHECK_FALSE(message(std::string("a\0b: \x01", 6)).empty());
}

TEST_CASE("Files that a kubeconfig names must be there and hold something") {
  TemporaryFolder folder;
  folder.write("empty", " \n");
  const auto message = [&](const std::string& cluster, const std::string& user) {
    const auto file = folder.write("config", kubeconfig(cluster, user));
    const auto config = load_config({.kubeconfig = file});
    REQUIRE_FALSE(config);
    return config.error().message.substr(file.size() + 2);
  };
  CHECK(message(server + ", certificate-authority: ca.pem", "token: t") ==
        "cluster \"c\": certificate-authority: " + folder.path("ca.pem") + ": no such file");
  CHECK(message(server + ", certificate-authority: .", "token: t") ==
        "cluster \"c\": certificate-authority: " + folder.path() + "/: is a directory");
  CHECK(message(server, "tokenFile: gone") ==
        "user \"u\": tokenFile: " + folder.path("gone") + ": no such file");
  CHECK(message(server, "tokenFile: empty") ==
        "user \"u\": tokenFile: " + folder.path("empty") + ": is empty");
}

TEST_CASE("A flag that names a file that is not there is an error") {
  TemporaryFolder folder;
  Variable list("KUBECONFIG", folder.write("good", kubeconfig(server, "token: t")).c_str());
  const auto config = load_config({.kubeconfig = folder.path("gone")});
  REQUIRE_FALSE(config);
  CHECK(config.error().kind == Kind::not_found);
  CHECK(config.error().message == folder.path("gone") + ": no such file");
}

TEST_CASE("Of a list of files the first that defines a name wins, each entry as a whole") {
  TemporaryFolder folder;
  folder.write("a/ca.pem", "CA of a");
  folder.write("b/ca.pem", "CA of b");
  const auto a = folder.write(
      "a/config",
      "clusters: [{name: c, cluster: {server: \"https://a\", certificate-authority: ca.pem}}]\n");
  const auto b = folder.write(
      "b/config",
      kubeconfig("server: \"https://b\", tls-server-name: b, certificate-authority: ca.pem",
                 "token: b"));
  const std::string both = folder.path("gone") + ":" + a + "::" + b + ":" + a;
  Variable list("KUBECONFIG", both.c_str());
  const auto config = load_config({});
  REQUIRE(config);
  CHECK(config->origin.host == "a");
  CHECK(config->tls.server_name.empty());
  CHECK(config->tls.ca_pem == "CA of a");
  CHECK(config->token.reveal() == "b");

  Variable nowhere("KUBECONFIG", (folder.path("x") + ":" + folder.path("y")).c_str());
  CHECK(load_config({}).error().message ==
        folder.path("x") + ", " + folder.path("y") + ": no such file");
}

TEST_CASE(
    "Without flag and variable: the cluster around us, else the home folder, else a sentence") {
  TemporaryFolder folder;
  Variable list("KUBECONFIG", nullptr);
  Variable home("HOME", folder.path().c_str());
  Variable host("KUBERNETES_SERVICE_HOST", nullptr);
  Variable port("KUBERNETES_SERVICE_PORT", nullptr);
  const auto none = load_config({});
  REQUIRE_FALSE(none);
  CHECK(none.error().message.find("unable to load in-cluster configuration, "
                                  "KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT must be "
                                  "defined") != std::string::npos);
  folder.write(".kube/config", kubeconfig(server, "token: t"));
  const auto own = load_config({});
  REQUIRE(own);
  CHECK(own->origin.host == "api.example.com");
  CHECK_FALSE(load_config({.context = "other"}));
}

TEST_CASE("Inside a cluster the service account's files and two variables say all") {
  TemporaryFolder folder;
  folder.write("token", "abc\n");
  folder.write("ca.crt", "CA");
  folder.write("namespace", "portcullis-system\n");
  Variable host("KUBERNETES_SERVICE_HOST", "FD00::1");
  Variable port("KUBERNETES_SERVICE_PORT", "443");
  const auto config = in_cluster_config(folder.path());
  REQUIRE(config);
  CHECK(config->origin == net::Origin{"https", "fd00::1", 443});
  CHECK(config->tls.ca_pem == "CA");
  CHECK(config->ns == "portcullis-system");
  CHECK(config->token_file == folder.path("token"));

  folder.write("token", "\n");
  CHECK(in_cluster_config(folder.path()).error().message == folder.path("token") + ": is empty");
  Variable bad("KUBERNETES_SERVICE_PORT", "44x");
  CHECK(in_cluster_config(folder.path()).error().kind == Kind::invalid);
  Variable gone("KUBERNETES_SERVICE_PORT", nullptr);
  CHECK(in_cluster_config(folder.path()).error().message ==
        "unable to load in-cluster configuration, KUBERNETES_SERVICE_HOST and "
        "KUBERNETES_SERVICE_PORT must be defined");
}

TEST_CASE(
    "What is read again comes from the first files and the first context, and no other server") {
  TemporaryFolder folder;
  folder.write("ca.pem", "CA");
  const std::string rest =
      "contexts: [{name: x, context: {cluster: c, user: u}}, {name: y, context: {cluster: d, user: "
      "u}}]\nclusters: [{name: d, cluster: {server: \"https://other\"}}, {name: c, cluster: {" +
      server + ", tls-server-name: api, certificate-authority: ca.pem}}]\nusers: [{name: u}]\n";
  const auto file = folder.write("config", "current-context: x\n" + rest);
  const auto first = load_config({.kubeconfig = file});
  REQUIRE(first);
  CHECK(first->kubeconfigs == std::vector{file});
  CHECK(first->context == "x");

  folder.write("config", "current-context: y\n" + rest);
  folder.write("ca.pem", "new CA");
  const auto again = read_tls_again(*first);
  REQUIRE(again);
  CHECK(again->ca_pem == "new CA");
  CHECK(again->server_name == "api");

  auto elsewhere = *first;
  elsewhere.context = "y";
  const auto moved = read_tls_again(elsewhere);
  REQUIRE_FALSE(moved);
  CHECK(moved.error().kind == Kind::conflict);
  CHECK(moved.error().message == file +
                                     ": context \"y\" leads to https://other now, and led to "
                                     "https://api.example.com:6443 when this program started: "
                                     "restart it to go there");
}

TEST_CASE("A pod reads its own CA again and falls back to nothing else") {
  TemporaryFolder folder;
  folder.write("token", "abc");
  folder.write("ca.crt", "CA");
  Variable host("KUBERNETES_SERVICE_HOST", "10.0.0.1");
  Variable port("KUBERNETES_SERVICE_PORT", "443");
  Variable home("HOME", folder.path().c_str());
  folder.write(".kube/config", kubeconfig(server, ""));
  const auto first = in_cluster_config(folder.path());
  REQUIRE(first);
  folder.write("ca.crt", "new CA");
  CHECK(read_tls_again(*first)->ca_pem == "new CA");
  folder.write("ca.crt", "");
  CHECK(read_tls_again(*first).error().message == folder.path("ca.crt") + ": is empty");
  std::filesystem::remove(folder.path("ca.crt"));
  CHECK(read_tls_again(*first).error().kind == Kind::not_found);
}

TEST_CASE("A token file is read once a minute, at once after a rejection, and kept in trouble") {
  log::configure(log::Level::error, log::Format::text);
  TemporaryFolder folder;
  test::FakeClock clock;
  Config config{
      .origin = {}, .token = Secret("fixed"), .token_file = folder.write("token", " one\n")};
  const auto tokens = make_token_source(config, clock);
  CHECK(tokens->token()->reveal() == "one");
  folder.write("token", "two");
  clock.advance(59s);
  CHECK(tokens->token()->reveal() == "one");
  clock.advance(1s);
  CHECK(tokens->token()->reveal() == "two");
  folder.write("token", "three");
  tokens->reject();
  CHECK(tokens->token()->reveal() == "three");
  folder.write("token", "");
  clock.advance(1h);
  CHECK(tokens->token()->reveal() == "three");
  std::filesystem::remove(config.token_file);
  tokens->reject();
  CHECK(tokens->token()->reveal() == "three");
  folder.write("token", "four");
  clock.advance(1min);
  CHECK(tokens->token()->reveal() == "four");

  config.token_file = folder.path("gone");
  const auto error = make_token_source(config, clock)->token().error();
  CHECK(error.kind == Kind::unauthorized);
  CHECK(error.message == folder.path("gone") + ": no such file");
}

TEST_CASE("Base64 is taken strictly, but for line ends") {
  CHECK(decode_base64("aGVsbG8=") == "hello");
  CHECK(decode_base64("aGVs\r\nbG8=\n") == "hello");
  CHECK(decode_base64("aGVsbG8h") == "hello!");
  CHECK(decode_base64("AAEC/w==") == std::string("\0\1\2\xff", 4));
  const auto bad =
      GENERATE(as<std::string>{}, "", "a", "aGVsbG8",
               "aGVs bG8=", "aGVsbG8==", "====", "aG=sbG8=", "aGVsbG8=aGVs", "aGVs-_8=", "A===");
  CHECK_FALSE(decode_base64(bad));
}

}  // namespace
}  // namespace portcullis::kube
