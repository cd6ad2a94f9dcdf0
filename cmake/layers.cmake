# How a folder of src/ becomes a library, and a main.cpp a program.

# What every target of ours is compiled with.
add_library(portcullis_options INTERFACE)
target_compile_options(portcullis_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion
  -Wnon-virtual-dtor -Woverloaded-virtual -Wold-style-cast
  -fstack-protector-strong
  $<$<CXX_COMPILER_ID:Clang>:SHELL:-Xclang -fno-pch-timestamp>
  $<$<BOOL:${PORTCULLIS_WERROR}>:-Werror>)
# Boost 1.74 does not know that clang has coroutines; cpprest's macro U breaks fmt.
target_compile_definitions(portcullis_options INTERFACE
  BOOST_ASIO_HAS_CO_AWAIT=1 BOOST_ASIO_HAS_STD_COROUTINE=1 _TURN_OFF_PLATFORM_STRING
  PORTCULLIS_VERSION="${PROJECT_VERSION}")
target_link_libraries(portcullis_options INTERFACE Threads::Threads)
# What nobody calls is left out, what is the same is there once, and relocations are stored in pairs
# of bits: fewer pages to touch.
target_link_options(portcullis_options INTERFACE -fuse-ld=lld -Wl,-z,relro,-z,now
  -Wl,--gc-sections,--icf=safe,-z,pack-relative-relocs)
if(NOT PORTCULLIS_SANITIZE)
  target_compile_options(portcullis_options INTERFACE
    $<$<NOT:$<OR:$<CONFIG:Debug>,$<BOOL:$<TARGET_PROPERTY:PORTCULLIS_TEST>>>>:-D_FORTIFY_SOURCE=2>)
else()
  target_compile_options(portcullis_options INTERFACE
    -fsanitize=${PORTCULLIS_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  # The runtime is shared, since our programs hide all symbols: libraries would go on with libc's
  # malloc while we free with the sanitizer's.
  execute_process(COMMAND ${CMAKE_CXX_COMPILER} -print-file-name=libclang_rt.asan-x86_64.so
    OUTPUT_VARIABLE sanitizer_runtime OUTPUT_STRIP_TRAILING_WHITESPACE)
  cmake_path(GET sanitizer_runtime PARENT_PATH sanitizer_folder)
  target_link_options(portcullis_options INTERFACE
    -fsanitize=${PORTCULLIS_SANITIZE} -shared-libsan -Wl,-rpath,${sanitizer_folder})
endif()

# portcullis_layer(name [USES folders...] [LIBS libraries...] [PURE])
# One static library a folder. USES names the folders of src/ it may include; PURE folders know no
# clock, network or log and get no precompiled header, so that nothing reaches them unseen.
function(portcullis_layer name)
  cmake_parse_arguments(PARSE_ARGV 1 layer "PURE" "" "USES;LIBS")
  file(GLOB sources CONFIGURE_DEPENDS src/${name}/*.cpp)
  list(FILTER sources EXCLUDE REGEX "/main\\.cpp$")
  file(GLOB headers CONFIGURE_DEPENDS src/${name}/*.hpp)
  add_library(portcullis_${name} STATIC ${sources} cmake/empty.cpp)
  set_target_properties(portcullis_${name} PROPERTIES
    LINKER_LANGUAGE CXX VERIFY_INTERFACE_HEADER_SETS ON)
  target_sources(portcullis_${name} PUBLIC FILE_SET HEADERS BASE_DIRS src FILES ${headers})
  list(TRANSFORM layer_USES PREPEND portcullis_)
  target_link_libraries(portcullis_${name}
    PUBLIC ${layer_USES} ${layer_LIBS} Boost::boost PRIVATE portcullis_options)
  # The definitions decide what Asio is: every user of a header must see the same ones.
  target_compile_definitions(portcullis_${name} INTERFACE
    $<TARGET_PROPERTY:portcullis_options,INTERFACE_COMPILE_DEFINITIONS>)
  if(NOT layer_PURE)
    target_precompile_headers(portcullis_${name} PRIVATE src/base/asio.hpp)
  endif()
endfunction()

# portcullis_program(name folder): src/<folder>/main.cpp linked with its library. The version script
# keeps every symbol inside: a shared library must never meet our Asio.
function(portcullis_program name folder)
  if(NOT EXISTS ${CMAKE_SOURCE_DIR}/src/${folder}/main.cpp)
    return()
  endif()
  add_executable(${name} src/${folder}/main.cpp)
  target_link_libraries(${name} PRIVATE portcullis_${folder} portcullis_options)
  portcullis_hide_symbols(${name})
endfunction()

function(portcullis_hide_symbols target)
  target_link_options(${target} PRIVATE
    -Wl,--version-script=${CMAKE_SOURCE_DIR}/cmake/hide_symbols.map)
  set_target_properties(${target} PROPERTIES
    LINK_DEPENDS ${CMAKE_SOURCE_DIR}/cmake/hide_symbols.map)
endfunction()
