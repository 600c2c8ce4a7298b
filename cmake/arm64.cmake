# Toolchain file: the libraries for arm64, cross-compiled (archives only; linking a program needs arm64 libraries).
#   cmake -B build/arm64 --toolchain cmake/arm64.cmake -DGOFER_BUILD_TESTS=OFF -DGOFER_BUILD_EXAMPLES=OFF

set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)

# Headers and packages of this machine's own architecture do: nothing of them is linked.
set(host_libraries /usr/lib/${CMAKE_HOST_SYSTEM_PROCESSOR}-linux-gnu)
file(GLOB Boost_DIR ${host_libraries}/cmake/Boost-*)
set(fmt_DIR ${host_libraries}/cmake/fmt)
set(Libdw_LIBRARY ${host_libraries}/libdw.so)
