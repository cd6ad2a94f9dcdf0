# The admission policies as shipped become part of the operator, which compares those in the cluster with them. The
# manifests are the one source: whoever changes one changes what is compared.
file(GLOB guard_manifests CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/manifests/admission/[0-9]*.yaml)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${guard_manifests})

set(guard_manifest_literals "")
foreach(manifest ${guard_manifests})
  file(READ ${manifest} text)
  string(APPEND guard_manifest_literals "    R\"manifest(${text})manifest\",\n")
endforeach()

file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/generated/guard_manifests.cpp @ONLY CONTENT [[
#include "controllers/guard_shipped.hpp"

namespace portcullis::controllers {

std::vector<std::string> guard_manifests() {
  return {
@guard_manifest_literals@  };
}

}  // namespace portcullis::controllers
]])
target_sources(portcullis_controllers PRIVATE ${CMAKE_BINARY_DIR}/generated/guard_manifests.cpp)
