# cmake -DCOMPILER=... -DSOURCE=... -DINCLUDES=... -P check.cmake: passes when SOURCE does not compile, for the reason that
# it names in a line "// expect: REGEX".

file(STRINGS "${SOURCE}" expect REGEX "^// expect: " LIMIT_COUNT 1)
if(NOT expect)
  message(FATAL_ERROR "${SOURCE} has no line '// expect: REGEX'")
endif()
string(REGEX REPLACE "^// expect: " "" expect "${expect}")

list(TRANSFORM INCLUDES PREPEND "-I")
execute_process(
  COMMAND ${CMAKE_COMMAND} -E env LC_ALL=C ${COMPILER} -std=c++20 -fsyntax-only ${INCLUDES} ${SOURCE}
  RESULT_VARIABLE status
  ERROR_VARIABLE errors)
if(status EQUAL 0)
  message(FATAL_ERROR "${SOURCE} compiles")
elseif(NOT errors MATCHES "${expect}")
  message(FATAL_ERROR "${SOURCE} does not compile, but nothing in what the compiler says matches '${expect}':\n${errors}")
endif()
