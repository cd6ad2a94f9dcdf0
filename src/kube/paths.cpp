#include "kube/client.hpp"
#include "net/url.hpp"

namespace portcullis::kube {

std::string to_key(const ObjectName& name) {
  return name.ns.empty() ? name.name : name.ns + "/" + name.name;
}

std::string resource_path(const Resource& resource, const ObjectName& name) {
  std::string path = resource.group.empty() ? "/api" : "/apis";
  const auto add = [&path](const std::string& segment) {
    if (!segment.empty()) path += "/" + net::encode_component(segment);
  };
  add(resource.group);
  add(resource.version);
  if (resource.namespaced && !name.ns.empty()) {
    add("namespaces");
    add(name.ns);
  }
  add(resource.plural);
  add(name.name);
  return path;
}

}  // namespace portcullis::kube
