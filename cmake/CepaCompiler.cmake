# Flags that every target of ours gets, as one interface library. cepa_compiler carries what generated code
# can bear too; cepa_warnings what only hand-written code is held to.
add_library(cepa_compiler INTERFACE)
add_library(cepa_warnings INTERFACE)
target_compile_options(cepa_warnings INTERFACE -Wall -Wextra -Wconversion -Wshadow)
if(CEPA_WERROR)
  target_compile_options(cepa_warnings INTERFACE -Werror)
endif()

# libtorrent's own macros: every target that uses Asio in a process with libtorrent must see the same.
target_compile_definitions(cepa_compiler INTERFACE BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_ENABLE_CANCELIO)
# Paths of the build machine stay out of the binary.
target_compile_options(cepa_compiler INTERFACE -ffile-prefix-map=${PROJECT_SOURCE_DIR}/=
  -fstack-protector-strong -fcf-protection)
target_link_options(cepa_compiler INTERFACE -Wl,-z,relro,-z,now)

if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  # Asio of Boost 1.74 does not recognise clang's coroutines by itself.
  target_compile_definitions(cepa_compiler INTERFACE BOOST_ASIO_HAS_CO_AWAIT BOOST_ASIO_HAS_STD_COROUTINE)
  # libstdc++ 12 itself uses what C++23 deprecates (std::stable_sort and its temporary buffer), and says so through us.
  target_compile_options(cepa_warnings INTERFACE -Wno-deprecated-declarations)
elseif(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # g++ 12 warns falsely inside the coroutine frames and string code that it inlines itself.
  target_compile_options(cepa_compiler INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Wno-mismatched-new-delete -Wno-maybe-uninitialized -Wno-restrict -Wno-stringop-overflow -Wno-stringop-overread -Wno-array-bounds>)
endif()

if(CEPA_SANITIZE)
  target_compile_options(cepa_compiler INTERFACE -fsanitize=${CEPA_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(cepa_compiler INTERFACE -fsanitize=${CEPA_SANITIZE})
  if(CEPA_SANITIZE STREQUAL "thread")
    # Asio's headers hold a fence that ThreadSanitizer does not model; nothing of ours uses one.
    target_compile_options(cepa_compiler INTERFACE -Wno-tsan)
  endif()
else()
  target_compile_options(cepa_compiler INTERFACE $<$<CONFIG:Release,RelWithDebInfo>:-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3>)
endif()
