# What Cepa stands on, all from Debian 12. One check matters for safety: Boost must be the version that
# libtorrent was built with. Another one links and is silently wrong (error_code has another size).
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
pkg_check_modules(SODIUM REQUIRED IMPORTED_TARGET libsodium)
pkg_check_modules(CRYPTO REQUIRED IMPORTED_TARGET libcrypto)
find_package(Boost REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
set(CEPA_BOOST_REQUIRED "1.74" CACHE STRING "Boost release that the installed libtorrent was built with")
set(cepa_boost_found "${Boost_VERSION_MAJOR}.${Boost_VERSION_MINOR}")
if(NOT cepa_boost_found STREQUAL CEPA_BOOST_REQUIRED)
  message(FATAL_ERROR
    "Boost ${cepa_boost_found} was found in ${Boost_INCLUDE_DIRS}, but libtorrent-rasterbar is built with Boost "
    "${CEPA_BOOST_REQUIRED}. The two would link and be silently wrong: install libboost${CEPA_BOOST_REQUIRED}-dev "
    "and remove the other version.")
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
