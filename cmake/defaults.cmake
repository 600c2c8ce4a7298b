# Defaults that a surrounding project's own settings override: build type, ccache, position independent code.

if(NOT DEFINED CMAKE_POSITION_INDEPENDENT_CODE)
  set(CMAKE_POSITION_INDEPENDENT_CODE ON)
endif()
set(CMAKE_CXX_EXTENSIONS OFF)

if(NOT PROJECT_IS_TOP_LEVEL)
  return()
endif()

# -O2 -g without NDEBUG: a traceback needs lines, and what asserts is meant to.
if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "Build type" FORCE)
  set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O2 -g" CACHE STRING "Flags of RelWithDebInfo" FORCE)
endif()

# Executables are position independent too (-pie), with every compiler, as Debian's GCC does by itself.
include(CheckPIESupported)
check_pie_supported()

if(NOT DEFINED CMAKE_CXX_COMPILER_LAUNCHER)
  find_program(GOFER_CCACHE ccache)
  mark_as_advanced(GOFER_CCACHE)
  if(GOFER_CCACHE)
    set(CMAKE_CXX_COMPILER_LAUNCHER "${GOFER_CCACHE}")
  endif()
endif()
