# What Cepa stands on, all from Debian 12. One check matters for safety: Boost must be the version that
# libtorrent was built with. Another one links and is silently wrong (error_code has another size).
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
pkg_check_modules(SODIUM REQUIRED IMPORTED_TARGET libsodium)
pkg_check_modules(CRYPTO REQUIRED IMPORTED_TARGET libcrypto)
find_package(Boost REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
set(CEPA_BOOST_REQUIRED "" CACHE STRING "Boost release that libtorrent was built with, such as 1.74; empty: as its package says")

# The Boost release of the packaged libtorrent, "" when no package tells. The library itself holds no trace of it: Boost is
# headers only there. Its development package depends on Boost's, whose name or version says which.
function(cepa_boost_of_libtorrent out)
  set(${out} "" PARENT_SCOPE)
  find_program(CEPA_DPKG_QUERY dpkg-query)
  pkg_get_variable(libdir libtorrent-rasterbar libdir)
  if(NOT CEPA_DPKG_QUERY OR NOT libdir MATCHES "^/usr/lib")
    return() # none of the distribution's
  endif()
  execute_process(COMMAND ${CEPA_DPKG_QUERY} -W "-f=\${Depends}" libtorrent-rasterbar-dev
    OUTPUT_VARIABLE depends ERROR_QUIET RESULT_VARIABLE failed)
  if(failed OR NOT depends MATCHES "libboost[a-z-]*([0-9]+\\.[0-9]+)?-dev")
    return()
  endif()
  set(version "${CMAKE_MATCH_1}")
  if(NOT version) # the distribution's default Boost
    execute_process(COMMAND ${CEPA_DPKG_QUERY} -W "-f=\${Version}" ${CMAKE_MATCH_0}
      OUTPUT_VARIABLE version ERROR_QUIET RESULT_VARIABLE failed)
  endif()
  if(version MATCHES "^([0-9]+\\.[0-9]+)")
    set(${out} "${CMAKE_MATCH_1}" PARENT_SCOPE)
  endif()
endfunction()

set(cepa_boost_wanted "${CEPA_BOOST_REQUIRED}")
if(NOT cepa_boost_wanted)
  cepa_boost_of_libtorrent(cepa_boost_wanted)
endif()
if(NOT cepa_boost_wanted)
  set(cepa_boost_wanted "1.74") # Debian 12's, where all of this is tested
endif()
set(cepa_boost_found "${Boost_VERSION_MAJOR}.${Boost_VERSION_MINOR}")
if(NOT cepa_boost_found STREQUAL cepa_boost_wanted)
  message(FATAL_ERROR
    "Boost ${cepa_boost_found} was found in ${Boost_INCLUDE_DIRS}, but libtorrent-rasterbar is built with Boost "
    "${cepa_boost_wanted}. The two would link and be silently wrong: install libboost${cepa_boost_wanted}-dev "
    "and remove the other version. For a libtorrent of your own say its Boost with -DCEPA_BOOST_REQUIRED=...")
endif()

if(NOT CEPA_FUZZ)
  pkg_check_modules(LIBTORRENT REQUIRED libtorrent-rasterbar)
  if(LIBTORRENT_VERSION VERSION_LESS 2.0.8 OR NOT LIBTORRENT_VERSION VERSION_LESS 2.1)
    message(FATAL_ERROR "libtorrent-rasterbar ${LIBTORRENT_VERSION} was found; 2.0.8 or a newer 2.0.x is needed.")
  endif()
  find_package(LibtorrentRasterbar REQUIRED)
  # Debug would turn on asserts in libtorrent's headers against a release library.
  set_target_properties(LibtorrentRasterbar::torrent-rasterbar PROPERTIES
    MAP_IMPORTED_CONFIG_DEBUG "RelWithDebInfo;Release;None;"
    MAP_IMPORTED_CONFIG_ASAN "None;Release;")
  find_package(Protobuf REQUIRED)
  find_package(nlohmann_json 3.11 REQUIRED)
  find_package(CLI11 REQUIRED)
  find_package(tomlplusplus REQUIRED)
endif()
if(CEPA_TESTS)
  find_package(GTest REQUIRED)
endif()
