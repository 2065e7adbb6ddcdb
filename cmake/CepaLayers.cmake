# A layer is a folder, a static library and a namespace, with an include root of its own: a header of a
# layer that is not among PUBLIC or PRIVATE cannot be found, so a forbidden include does not compile.
#   add_layer(tunnel SOURCES a.cpp b.cpp PUBLIC base PRIVATE PkgConfig::SODIUM)
# SOURCES are listed by name. PUBLIC are layers and libraries whose headers appear in the layer's own headers.
# PRECOMPILE names system headers that most of its sources need: three trees on two cores would otherwise take twice
# as long. The fuzz tree compiles without (CEPA_PRECOMPILE off), so an include that is missing everywhere is still seen.
function(add_layer name)
  cmake_parse_arguments(ARG "" "" "SOURCES;PUBLIC;PRIVATE;PRECOMPILE" ${ARGN})
  set(root ${PROJECT_BINARY_DIR}/layers/${name})
  file(MAKE_DIRECTORY ${root})
  file(CREATE_LINK ${CMAKE_CURRENT_SOURCE_DIR} ${root}/${name} SYMBOLIC)
  add_library(${name} STATIC ${ARG_SOURCES})
  target_include_directories(${name} PUBLIC ${root})
  target_link_libraries(${name} PUBLIC cepa_compiler ${ARG_PUBLIC} PRIVATE ${ARG_PRIVATE})
  if(CEPA_PRECOMPILE)
    target_precompile_headers(${name} PRIVATE ${ARG_PRECOMPILE})
  endif()
endfunction()
