# Three bundles of flags.
#
# gofer_flags     what every program built on gofer needs as well: exported with gofer::gofer. A panic unwinds through
#                 users' frames, a fault in one becomes a panic, and recover() tells its caller by the frame it returns to.
# gofer_warnings  the house's warnings: for gofer's own code, tests and examples.
# gofer_internal  sched/ and runtime/ are visible: for the libraries and the tests that look inside. Not for examples and
#                 conformance programs: those see what a user sees.

add_library(gofer_flags INTERFACE)
target_compile_features(gofer_flags INTERFACE cxx_std_20)
target_compile_options(
  gofer_flags
  INTERFACE
    $<$<COMPILE_LANGUAGE:CXX>:-pthread>
    # Tracebacks of goroutines that run are taken without unwind tables; and a call in tail position must stay a call, or
    # its callee would pass for the deferred function itself in recover().
    $<$<COMPILE_LANGUAGE:CXX>:-fno-omit-frame-pointer>
    $<$<COMPILE_LANGUAGE:CXX>:-fno-optimize-sibling-calls>
    # A load, a store or a division may raise a panic: keep landing pads around them, and keep a faulting instruction even
    # when nobody uses its result.
    $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-fnon-call-exceptions>
    $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-fno-delete-dead-exceptions>
    # Clang has no such switch. This one keeps at least the pads around calls of functions that can only fault.
    "$<$<COMPILE_LANG_AND_ID:CXX,Clang>:SHELL:-mllvm -disable-nounwind-inference>")
target_link_options(
  gofer_flags
  INTERFACE
  -pthread
  # Under LTO Clang infers again in the linker, which has to be told as well. (GCC writes its flags into the objects.)
  $<$<AND:$<LINK_LANG_AND_ID:CXX,Clang>,$<BOOL:$<TARGET_PROPERTY:INTERPROCEDURAL_OPTIMIZATION>>>:LINKER:-plugin-opt=-disable-nounwind-inference>
)

add_library(gofer_warnings INTERFACE)
target_compile_options(gofer_warnings INTERFACE -Wall -Wextra -Wshadow -Wconversion $<$<BOOL:${GOFER_WERROR}>:-Werror>)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # False at -O3 for every "text" + std::string (GCC bug 105651, mended in 13).
  target_compile_options(gofer_warnings INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Wno-restrict>)
endif()
if(GOFER_SANITIZE)
  # GCC's manual (-fsanitize): instrumented code makes it see uninitialized variables where there are none.
  target_compile_options(gofer_warnings INTERFACE $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-Wno-maybe-uninitialized>)
endif()

add_library(gofer_internal INTERFACE)
target_include_directories(gofer_internal INTERFACE "${PROJECT_SOURCE_DIR}")
target_link_libraries(gofer_internal INTERFACE gofer_warnings)
