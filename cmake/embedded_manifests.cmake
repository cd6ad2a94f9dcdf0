# Manifests as shipped become part of the program, which compares those in the cluster with them. The manifests are the
# one source: whoever changes one changes what is compared.

# portcullis_embed(layer header function files...): the texts of the files, as what the header of that folder of src/
# declares: std::vector<std::string> portcullis::<layer>::<function>().
function(portcullis_embed layer header function)
  if(NOT ARGN)
    message(FATAL_ERROR "${function}: there are no manifests to build in")
  endif()
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${ARGN})
  set(literals "")
  foreach(manifest ${ARGN})
    file(READ ${manifest} text)
    string(APPEND literals "    R\"manifest(${text})manifest\",\n")
  endforeach()
  set(source ${CMAKE_BINARY_DIR}/generated/${function}.cpp)
  file(CONFIGURE OUTPUT ${source} @ONLY CONTENT [[
#include "@layer@/@header@"

namespace portcullis::@layer@ {

std::vector<std::string> @function@() {
  return {
@literals@  };
}

}  // namespace portcullis::@layer@
]])
  target_sources(portcullis_${layer} PRIVATE ${source})
endfunction()

file(GLOB guards CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/manifests/admission/[0-9]*.yaml)
portcullis_embed(controllers guard_shipped.hpp guard_manifests ${guards})
file(GLOB kinds CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/crds/*.yaml)
portcullis_embed(app cluster_expectations.hpp crd_manifests ${kinds})
portcullis_embed(app cluster_expectations.hpp role_manifests ${CMAKE_SOURCE_DIR}/manifests/rbac/20-operator.yaml)
