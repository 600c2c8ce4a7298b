# What every CMakeLists.txt with tests uses.

# For what hangs: far beyond what the slowest test needs under a sanitizer.
set(GOFER_TEST_TIMEOUT 300)

# gofer_test(NAME COMMAND... [ENVIRONMENT VARIABLE=VALUE...]): a test that passes when the command exits with 0.
function(gofer_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "COMMAND;ENVIRONMENT")
  add_test(NAME ${name} COMMAND ${arg_COMMAND})
  set_tests_properties(${name} PROPERTIES TIMEOUT ${GOFER_TEST_TIMEOUT} ENVIRONMENT "${arg_ENVIRONMENT}")
endfunction()

# gofer_googletest(TARGET PREFIX): every test of a GoogleTest binary as a ctest entry, and so a process, of its own.
function(gofer_googletest target prefix)
  gtest_discover_tests(
    ${target}
    TEST_PREFIX ${prefix}
    DISCOVERY_MODE PRE_TEST
    DISCOVERY_TIMEOUT 60
    PROPERTIES TIMEOUT ${GOFER_TEST_TIMEOUT})
endfunction()
