# GOFER_SANITIZE: a list for -fsanitize. Part of gofer_flags: the runtime tells the sanitizers about its stacks, which only
# works when everything that runs on those stacks is instrumented as well.
#
# Left out of "undefined" are the two faults that gofer turns into panics: a division by zero and a nil dereference are
# defined here, and the check would report what the tests do on purpose. So is vptr: it needs descriptors itself to look at
# an object, and takes one that it cannot look at for a bad one, which is wrong when none are left. Everything else ends the program, or it would
# pass for a test that went well.

if(GOFER_SANITIZE)
  list(JOIN GOFER_SANITIZE "," sanitizers)
  target_compile_options(gofer_flags INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-fsanitize=${sanitizers}>)
  target_link_options(gofer_flags INTERFACE -fsanitize=${sanitizers})
  if("undefined" IN_LIST GOFER_SANITIZE)
    target_compile_options(
      gofer_flags INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-fno-sanitize=integer-divide-by-zero,null,vptr>
                            $<$<COMPILE_LANGUAGE:CXX>:-fno-sanitize-recover=undefined>)
  endif()
endif()
