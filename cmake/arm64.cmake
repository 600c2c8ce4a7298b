# Toolchain file: arm64, cross-compiled, and run by qemu-user. cmake/arm64-root.sh unpacks the libraries first.
#   cmake/arm64-root.sh build/arm64/root && cmake -G Ninja -B build/arm64 --toolchain cmake/arm64.cmake

set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_ASM_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)

set(GOFER_ARM64_ROOT "${CMAKE_BINARY_DIR}/root" CACHE PATH "What cmake/arm64-root.sh has made")
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES GOFER_ARM64_ROOT)
set(CMAKE_FIND_ROOT_PATH "${GOFER_ARM64_ROOT}")
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)

set(directories "${GOFER_ARM64_ROOT}/usr/lib/aarch64-linux-gnu" "${GOFER_ARM64_ROOT}/lib/aarch64-linux-gnu")
list(JOIN directories ":" path)
# OpenSSL's configuration is in the multiarch folder.
set(CMAKE_CXX_FLAGS_INIT "-idirafter ${GOFER_ARM64_ROOT}/usr/include/aarch64-linux-gnu")
set(CMAKE_EXE_LINKER_FLAGS_INIT "-Wl,-rpath-link,${path}")
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64 -L /usr/aarch64-linux-gnu -E LD_LIBRARY_PATH=${path})
